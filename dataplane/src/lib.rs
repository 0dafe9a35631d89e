//! The data plane: RTP in, one mixed RTP stream out to each recorder.
//!
//! Everything a user of this crate says or hears is in [`api`]; docs/ARCHITECTURE.md walks a
//! packet through the other rooms.

/// The only door: commands in, events out, all of it plain data.
pub mod api;
/// Why packets are dropped.
pub mod counters;
/// Monotonic time as a number.
pub mod time;
