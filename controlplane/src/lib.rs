//! The control plane: a control command in, a recorded call out.
//!
//! docs/ARCHITECTURE.md walks a call through these rooms. Everything but the edges is sans-IO:
//! `handle(input, now, out)` and `deadline()`, nothing else.

/// One call: its facts, participants, sources and recordings.
pub mod call;
/// The configuration: one TOML file.
pub mod config;
/// The control interface, version 1: HTTP/1.1 and JSON under `/v1`.
pub mod control;
/// Recorders' credentials, each in a file that only the service may read.
pub mod credentials;
/// When who wants to be called.
pub mod deadlines;
/// Routes what comes to the call that it is for, and knows when who is due.
pub mod engine;
/// The process: one loop for every socket of the control plane.
pub mod event_loop;
/// Groups of recorders: of which recorders some are enough for a call.
pub mod group;
/// The control socket in the event loop.
pub mod listener;
/// Where a recorder is: from its URI to the addresses that are tried.
pub mod locate;
/// What calls have of the data plane: places, ports, commands.
pub mod media;
/// Recording metadata, and the call information in SIP headers.
pub mod metadata;
/// Random numbers and identifiers from one seed.
pub mod random;
/// How recorders are reached: where each one is, and how it fares.
pub mod reach;
/// A recorder as calls see it.
pub mod recorder;
/// One call at one recorder, through every attempt that it takes.
pub mod recording;
/// Names of recorders' hosts, looked up without blocking the loop.
mod resolver;
/// Session descriptions: offers, answers, and what was agreed on.
pub mod sdp;
/// SIP without IO: received bytes in, typed messages and sessions, bytes to send out.
pub mod sip;
/// Wall-clock time and its spellings.
pub mod time;
/// TLS for SIP: whom we believe, who we are, and what is told when it comes to nothing.
pub mod tls;
/// SIP over UDP, TCP and TLS in the event loop.
pub mod transport;
/// What works with a recorder, step by step.
pub mod trial;
/// What one turn of the engine hands down, and gets back.
pub mod turn;
