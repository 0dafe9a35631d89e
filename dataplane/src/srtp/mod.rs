//! SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714): packets protected and unprotected in batches.
//!
//! `Senders` and `Receivers` are tables by place; a stage uses a stream's index as its place.
//! Both work in place, on packets of any mix of kinds, suites and lengths, in one piece of memory.
//! Nothing is allocated after start-up.
//!
//! The send stage: `Senders::open` when a sink's keys are known (its SSRC is the packets'). Each
//! sink asks `TxBatch::push` for `Senders::overhead` more bytes than it writes and notes a
//! `Packet` with where they begin and how many are written. Once all sinks and reports are in
//! the batch, one call of `Senders::protect` on the batch's memory makes them what is sent. A
//! packet that was refused is not sent; its `Refusal` is its [`crate::counters::Drop`].
//! `Senders::wants_keys` says in time that a sink needs new keys.
//!
//! The receive side: what a port holds is copied into memory that is the pipeline's own, a
//! `Packet` noted for each, and `Receivers::unprotect` called on them, be it one or a burst.
//! Only what it lets through may reach a latch, a jitter buffer or a report. A sink has a receiver
//! too, with the recorder's keys, for the RTCP that comes back.
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
/// The parts of HMAC-SHA1 that do not depend on how SHA-1 is computed.
mod hmac;
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
/// The ciphers out of RustCrypto's parts: on any processor, one packet at a time.
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

/// The most bytes that protection adds to a packet: a tag, the index of SRTCP, and the name of a
/// key.
pub const OVERHEAD_MAX: usize = 16 + 4 + MKI_MAX;
