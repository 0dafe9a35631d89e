//! Whole calls in virtual time: the conference server asks, people talk, recorders record.
#![cfg(test)]

/// A call with participants who talk.
mod call;
/// How calls end that nobody stops.
mod endings;
/// Bytes that make no sense, and everything at its limit.
mod hostile;
/// RFC 8068 §3.3: recordings of a mix.
mod mixed;

/// Recorders that are slow, silent, strange or gone, next to others that are not.
mod recorders;
/// Random runs.
mod seeds;
/// Messages that cross, are lost, or come too late.
mod signalling;
