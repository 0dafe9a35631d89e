//! Recording metadata: who takes part in a call, as recorders are told (RFC 7865).
//!
//! Strict in what is written, tolerant in what is read; the validator knows the difference.

/// Message bodies with a session description, metadata or both.
mod body;
/// What is known of a recorded call: the model that metadata is written from.
mod facts;
/// Call information in SIP headers, as the ControlONE interface has it: write and parse.
mod headers;
/// The identifiers of recording metadata, in both spellings.
mod id;
/// `multipart/mixed` bodies: write and parse.
mod multipart;
/// Metadata documents as they come, from any client: read with all the tolerance there is.
mod read;
/// What RFC 7865 §9 allows in each element, as a table.
mod schema;
/// What a recorder is told of a call: everything at first, then only what changed.
mod snapshot;
/// The times in recording metadata.
mod timestamp;
/// A received XML document as a small tree, with limits on everything.
mod tree;
/// Whether a document is what RFC 7865 demands, and what is wrong with it in plain words.
mod validate;
/// Metadata as XML: documents strictly in the form of RFC 7865.
mod xml;

pub use body::{Body, Contents, MediaType};
pub use facts::{Facts, ParticipantFacts, SessionFacts, StreamFacts};
pub use headers::{CallInfo, Party};
pub use id::{Id, IdFormat};
pub use read::{
    Document, InSession, InStream, Mode, NameId, Participant, Recording, Session, Span, Stream,
};
pub use snapshot::{complete, partial};
pub use tree::ReadError;
pub use validate::Validator;
pub use xml::{Company, snapshot_request};
