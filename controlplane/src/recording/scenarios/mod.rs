//! Whole recordings in virtual time: what becomes of each answer, and of each thing that a recorder
//! asks for.

/// What an answer may look like that accepts.
mod acceptance;
/// Answers to the first INVITE.
mod answers;
/// What the recorder offers, asks for and refuses in an established recording.
mod established;
/// The INVITE of each profile.
mod profiles;
/// A recording, its recorder played by hand, and the time.
mod world;
