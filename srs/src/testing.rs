//! What the tests of this crate share.

use std::time::Instant;

/// When virtual time begins.
pub(crate) fn epoch() -> Instant {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time has to begin somewhere"
    )]
    *EPOCH.get_or_init(Instant::now)
}
