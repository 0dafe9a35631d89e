//! SIP without IO: received bytes in, typed messages and sessions, bytes to send out.
//!
//! A session owns its transactions and dialogs, and every session has a Call-ID of its own. So
//! whoever owns the sessions routes each message by Call-ID, answers by `stateless` what belongs
//! to no session, and drops a session once it is over: nothing of it is left then.

/// Answers to requests: what every response copies from its request.
mod answer;
/// What the user of a session adds to a message: headers and a body.
pub mod content;
/// Dialogs: who talks with whom, by which way, and in which order.
mod dialog;
/// Digest authentication: who we are, proven to whoever asks.
pub mod digest;
/// Why received bytes are no usable SIP message.
pub mod error;
/// Flows: by which transport and with whom a message is exchanged.
pub mod flow;
/// Where one message ends and the next begins on a stream.
pub mod framing;
/// One header: rsip's type and back to name and value.
pub mod header;
/// The headers of a message, and the typed values that are read from them.
pub mod headers;
/// Hosts and ports.
pub mod host;
/// Who we are, and whom a session is with.
pub mod local;
/// SIP messages: from received bytes, and to bytes that are sent.
pub mod message;
/// Methods: their names, and which we answer.
mod method;
/// Addresses with a name: From, To, Contact, Route, Record-Route.
pub mod name_addr;
/// What a session tells: bytes to send, and what becomes of its requests.
pub mod output;
/// Parameters of headers and URIs.
pub mod params;
/// One OPTIONS outside of any session: is somebody there?
pub mod probe;
/// One request outside of any session: OPTIONS.
pub mod query;
/// One INVITE session as its user sees it.
pub mod session;
/// Session-Expires: how long a session lives without a refresh, and who refreshes.
pub mod session_expires;
/// When a session is refreshed, and when it has expired.
mod session_timer;
/// What to answer to requests outside of any session.
pub mod stateless;
/// Status codes: their reason phrases.
mod status;
/// What the tests of this room share.
#[cfg(test)]
mod testing;
/// The characters of SIP: tokens, numbers, quoted strings, lists.
mod text;
/// Messages that are hard to read: ours, and those of RFC 4475 where they are at hand.
#[cfg(test)]
mod torture;
/// Transactions: one request, its retransmissions and its answers.
pub mod transaction;
/// SIP and SIPS URIs, and any other URI as text.
pub mod uri;
/// Via: the way that responses go back.
pub mod via;
/// The head of a message as it comes from the wire, and the limits of what is taken.
pub mod wire;
