//! SIP over TLS over the loopback interface, in virtual time, with certificates made for it.
#![cfg(test)]

/// What files can be wrong with.
mod files;
/// Peers that do not behave.
mod hostile;
/// Connections: who shares which, and what becomes of them.
mod life;
/// Whom we believe, and what an operator reads where we do not.
mod matrix;
/// Authorities and certificates.
mod pki;
/// A client, a recorder, and their loops.
mod world;
