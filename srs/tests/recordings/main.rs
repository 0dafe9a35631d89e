//! Whole recordings in virtual time: a scripted client calls, the recorder does what it is told.
#![cfg(test)]

/// What the first INVITE is answered.
mod answers;
/// How recordings end.
mod endings;
/// Packets, and what is made of them.
mod media;
/// Re-INVITE, UPDATE and metadata in mid-call.
mod midcall;
/// The client, the recorder and the time.
mod world;
