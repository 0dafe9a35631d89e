//! Whole sessions in virtual time.

/// The peer's first INVITE: taken, refused, taken back.
mod called;
/// Our first INVITE: answered, refused, given up, answered late.
mod calling;
/// Digest authentication: of the first INVITE, and of every request within the dialog.
mod credentials;
/// Provisional answers: acknowledged, and as answers to the offer.
mod early;
/// The end: BYE by either side, and everything that crosses it.
mod ending;
/// A session whose peer is played by hand.
mod hand;
/// A peer that answers and asks anything at any time.
mod hostile;
/// Our requests within the dialog.
mod jobs;
/// Two sessions on a network that loses, repeats, delays and reorders.
mod loss;
/// Redirections of the first INVITE.
mod redirection;
/// The peer's requests within the dialog.
mod requests;
/// Refreshes and expiry.
mod timers;
/// Two sessions and the network between them.
mod world;
