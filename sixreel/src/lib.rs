//! The command a person types, and the client of the control interface that it is built on.

/// The command line: what can be typed.
pub mod cli;
/// A client of the control interface.
pub mod client;
/// What the commands do.
mod commands;
/// Why a command failed, and its exit code.
pub mod failure;
/// What the commands print.
mod output;
/// A person's name and number, as typed.
mod party;
