//! SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714): packets protected and unprotected in batches.
//!
//! [`Senders`] and [`Receivers`] are tables by place; a stage uses a stream's index as its place.
//! Both work in place, on packets of any mix of kinds, suites and lengths, in one piece of memory.
//! Nothing is allocated after start-up.
//!
//! A sender: `open` when the sink's keys are known, reserve [`Senders::overhead`] more bytes behind
//! each packet that is pushed into the batch, note a [`Packet`] with where it begins, and at the
//! end of the stage call [`Senders::protect`] once for the whole batch. What was refused is not
//! sent; its [`Refusal`] is its [`crate::counters::Drop`].
//!
//! A receiver: copy what a port holds into memory of one's own, note a [`Packet`] for each, and
//! call [`Receivers::unprotect`]. Only what it lets through may reach a latch or a jitter buffer.
//!
//! Opening a place again with the keys that it has changes nothing: a crypto line that is repeated
//! in a later offer goes on with its numbers (RFC 4568 §7.1.4).

/// The ciphers of all sessions, in the form in which the processor computes them fastest.
mod ciphers;
/// One SRTCP packet: there are few, so each is worked on alone.
mod control;
/// Session keys out of a master key.
mod derive;
/// The ciphers by vector instructions.
#[cfg(target_arch = "x86_64")]
mod fast;
/// One RTP packet as a cipher sees it.
mod job;
/// A master key with what was agreed about it.
mod keys;
/// Packets as the stages hand them in, and where their parts lie.
mod packet;
/// Which instructions the ciphers are computed with.
mod path;
/// Every path gives the same bytes as the portable one.
#[cfg(test)]
mod paths;
/// The ciphers as RustCrypto has them: on any processor, one packet at a time.
mod portable;
/// What is received: packets are believed only if their tag is right, and only once.
mod receivers;
/// Why a packet is not protected or not let through.
mod refusal;
/// The SSRCs that a receiver has heard, and which of their packets.
mod remotes;
/// The index of a packet, guessed from its sequence number, and whether it came before.
mod replay;
/// What is sent: packets are numbered, encrypted and given a tag.
mod senders;
/// Which keys were in use already.
mod spent;
/// The crypto suites of SDES and their lengths.
mod suite;
/// What the tests of this room share.
#[cfg(test)]
mod testing;
/// How the room behaves, through its door.
#[cfg(test)]
mod tests;
/// The vectors of the RFCs, whole packets.
#[cfg(test)]
mod vectors;

pub use keys::{Keys, KeysError, MKI_MAX};
pub use packet::{Kind, Packet};
pub use path::Path;
pub use receivers::Receivers;
pub use refusal::Refusal;
pub use senders::{OpenError, Senders};
pub use suite::Suite;
