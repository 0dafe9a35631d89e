//! What is refused beyond. The interface's document and its `version` state the same figures.

use std::ops::RangeInclusive;

/// Bytes of a request's head: the request line and the headers.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Headers of a request.
pub const HEADERS: usize = 64;
/// Bytes of a request's body.
pub const BODY_BYTES: usize = 64 * 1024;
/// Requests of one connection that may wait for their answers.
pub const PIPELINED: usize = 64;
/// Connections at once.
pub const CONNECTIONS: usize = 256;
/// Bytes that may wait for a slow reader before it is cut off.
pub const BACKLOG_BYTES: usize = 1024 * 1024;
/// Events that can be replayed.
pub const EVENTS_REPLAYED: usize = 4096;
/// Entries of a page of a list, where the request does not say.
pub const PAGE_DEFAULT: usize = 100;
/// Entries of a page of a list.
pub const PAGE: RangeInclusive<usize> = 1..=200;
/// Characters of an identifier in a path.
pub const ID_CHARS: usize = 128;
/// Characters of a console's identifier.
pub const CONSOLE_ID_CHARS: usize = 128;
/// Characters of a user's name.
pub const USER_CHARS: usize = 128;
/// Characters of a display name.
pub const NAME_CHARS: usize = 256;
/// Characters of a number.
pub const NUMBER_CHARS: usize = 64;
/// Characters of an address of record.
pub const AOR_CHARS: usize = 512;
/// Called parties of a call.
pub const CALLED_PARTIES: usize = 32;
/// Seconds of a call's lease.
pub const LEASE_S: RangeInclusive<u32> = 5..=86_400;
/// Milliseconds of a jitter buffer's longest delay.
pub const JITTER_MAX_MS: RangeInclusive<u16> = 20..=1000;
