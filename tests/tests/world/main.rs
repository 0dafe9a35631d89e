//! Whole calls in virtual time: the conference server asks, people talk, recorders record.
#![cfg(test)]

/// A call with participants who talk.
mod call;
/// RFC 8068 §3.3: recordings of a mix.
mod mixed;

