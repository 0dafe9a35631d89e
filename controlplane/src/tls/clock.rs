//! The wall clock that certificates are held against: as the loop read it last.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::time::Wall;

/// The time of day, set by whoever reads the clock and read by every handshake.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that shows `now` until it is set.
    pub fn new(now: Wall) -> Self {
        let clock = Self::default();
        clock.set(now);
        clock
    }

    /// It is `now`.
    pub fn set(&self, now: Wall) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.0.load(Ordering::Relaxed).max(0).unsigned_abs();
        Some(UnixTime::since_unix_epoch(Duration::from_millis(since)))
    }
}
