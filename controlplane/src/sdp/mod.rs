//! Session descriptions: what is offered to a recorder, and what its answer means.
//!
//! Reading is tolerant and ends in closed enums; writing gives the plainest form there is.

/// The codecs, a table row each.
mod codec;
/// The `a=crypto` attribute (RFC 4568): parse and write, and who may have which key.
pub mod crypto;
/// A session description as either side writes it: parse and write.
mod description;
/// One m-line of a description and what belongs to it: parse and write.
mod media;
/// Offer and answer (RFC 3264): what was agreed on, or why nothing was.
mod negotiate;
/// The first aid that received descriptions get before the grammar sees them.
mod normalise;
/// What both sides agreed on about protection, or why they did not.
mod secure;

pub use codec::{Codec, Encoding};
pub use crypto::{Crypto, KeyParam, MasterKey, Suite};
pub use description::{Description, Error};
pub use media::{Format, Host, Media, MediaKind, Profile, RtcpAddress};
pub use negotiate::{Accepted, Local, RtcpRemote, Unacceptable, accept, answer};
pub use sdp_types::Direction;
pub use secure::{Insecure, Secured};
