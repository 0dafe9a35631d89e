//! The command a person types, and the client of the control interface that it is built on.

/// A program that is started, and ended.
pub mod child;
/// The command line: what can be typed.
pub mod cli;
/// A client of the control interface.
pub mod client;
/// What the commands do.
mod commands;
/// `sixreel demo`: one real call, recorded by three recorders.
mod demo;
/// Why a command failed, and its exit code.
pub mod failure;
/// What the commands print.
mod output;
/// A person's name and number, as typed.
mod party;
/// What a conference server sends: RTP streams of G.711.
pub mod speakers;
