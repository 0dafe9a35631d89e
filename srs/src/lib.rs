//! A small session recording server (RFC 7866): for demonstrations, for tests, for trying a site
//! out.
//!
//! `engine` is the recorder without IO, `server` gives it sockets and files.

/// What both sides agreed on about the stream.
mod agreement;
/// How a call is treated.
pub mod behaviour;
/// The metadata documents of one recording: checked one by one, and taken together.
mod documents;
/// The recorder without IO: what comes in, what is due, what is to be sent and kept.
pub mod engine;
/// What happens, a line each.
pub mod event;
/// What is known of a recording, as its JSON file tells it.
pub mod facts;
/// Pairs of media ports: lent to one recording at a time.
mod ports;
/// One call that is recorded.
mod recording;
/// The recorder with sockets and files.
pub mod server;
/// One stream as it arrives.
mod stream;
/// What the tests of this crate share.
#[cfg(test)]
mod testing;
