//! The control plane: a control command in, a recorded call out.
//!
//! docs/ARCHITECTURE.md walks a call through these rooms. Everything but the edges is sans-IO:
//! `handle(input, now, out)` and `deadline()`, nothing else.

/// The control interface, version 1: HTTP/1.1 and JSON under `/v1`.
pub mod control;
/// The control socket in the event loop.
pub mod listener;
/// Recording metadata, and the call information in SIP headers.
pub mod metadata;
/// Random numbers and identifiers from one seed.
pub mod random;
/// Session descriptions: offers, answers, and what was agreed on.
pub mod sdp;
/// SIP without IO: received bytes in, typed messages and sessions, bytes to send out.
pub mod sip;
/// Wall-clock time and its spellings.
pub mod time;
/// SIP over UDP and TCP in the event loop.
pub mod transport;
