//! Why received bytes are no usable SIP message. The sender is to blame.

/// What is wrong with a piece of text, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Flaw(pub &'static str);

/// What is wrong with a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Beyond a limit of ours.
    #[error("the sender's message is too large: {what} may have {limit} at most")]
    TooLarge {
        /// What is limited, with its unit.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
    /// The head does not end.
    #[error("the sender's message has no empty line after its headers")]
    NoEnd,
    /// Neither a request line nor a status line.
    #[error("the sender's first line is neither a request line nor a status line")]
    StartLine,
    /// A version other than SIP/2.0.
    #[error("the sender speaks another version than SIP/2.0")]
    Version,
    /// A header line without a name or a colon.
    #[error("the sender's header line has no valid name before a colon")]
    HeaderLine,
    /// Content-Length is missing on a stream, contradicts itself, or claims more than there is.
    #[error("the sender's Content-Length is {0}")]
    ContentLength(Flaw),
    /// A method that nobody standardised.
    #[error("the sender's method is unknown")]
    Method,
    /// The Request-URI cannot be read.
    #[error("the sender's Request-URI cannot be read: {0}")]
    RequestUri(Flaw),
    /// A header that every message must have is missing.
    #[error("the sender's message has no {0} header")]
    Missing(&'static str),
    /// A header that may occur once occurs again.
    #[error("the sender's message has more than one {0} header")]
    Repeated(&'static str),
    /// A header's value cannot be read.
    #[error("the sender's {name} header cannot be read: {flaw}")]
    Header {
        /// Which header.
        name: &'static str,
        /// What is wrong with it.
        flaw: Flaw,
    },
}
