//! Digest authentication: who we are, proven to whoever asks (RFC 7616, RFC 8760).

/// The hash algorithms.
mod algorithm;
/// What is asked: WWW-Authenticate and Proxy-Authenticate.
mod challenge;
/// The user and the password.
mod credentials;
/// What is answered: Authorization and Proxy-Authorization.
mod response;
/// What a session was asked, and its answers in every further request.
mod wallet;

pub use self::challenge::objection;
pub use self::credentials::Credentials;
pub(super) use self::wallet::{Trials, Wallet, repeat};
