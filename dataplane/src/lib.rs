//! The data plane: RTP in, one mixed RTP stream out to each recorder.
//!
//! Everything a user of this crate says or hears is in [`api`]; docs/ARCHITECTURE.md walks a
//! packet through the other rooms.

/// The only door: commands in, events out, all of it plain data.
pub mod api;
/// The table of codecs, and what they have in common.
pub mod codec;
/// Why packets are dropped.
pub mod counters;
/// The encodings of one call: each is made once and shared by every sink that uses it.
mod encoding;
/// The jitter buffer: packets come in when they come, audio goes out by the clock.
mod jitter;
/// Mixing: the sum of all voices, with a soft limiter that leaves ordinary levels alone.
mod mix;
/// The period of 20 ms that paces the pipeline, and what it holds.
pub mod period;
/// The order of the stages: what a packet and a call go through between two ports.
pub mod pipeline;
/// Frames of the jitter buffers: all memory taken at start-up, lent out and given back.
mod pool;
/// Where packets come from and go to.
pub mod port;
/// What a sink says and hears by RTCP.
mod rtcp;
/// One outbound stream: its clock, its numbers, its RTCP.
mod sink;
/// One inbound stream: who may send it, whether it is heard, and what it sounds like.
mod source;
/// SRTP and SRTCP: packets protected and unprotected in batches.
pub mod srtp;
/// Monotonic time as a number.
pub mod time;
/// What travels on the network: RTP and RTCP, and packets on their way to and from a port.
pub mod wire;
/// A worker: one thread with a port, a clock and a pipeline.
pub mod worker;
