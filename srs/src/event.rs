//! What happens, a line each.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use crate::facts::EndFacts;

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A client wants a call recorded.
    Invited {
        transport: &'static str,
        remote: SocketAddr,
    },
    /// Its INVITE gets no answer.
    Ignored,
    /// Its INVITE was refused.
    Rejected { status: u16, why: String },
    /// The client gave up before it was answered.
    Cancelled,
    /// It was answered, and is recorded from now on.
    Answered {
        codec: Option<String>,
        /// The crypto suite, where the stream is protected.
        suite: Option<String>,
        port: u16,
        receiving: bool,
    },
    /// Both sides agreed on something else.
    Changed {
        codec: Option<String>,
        suite: Option<String>,
        receiving: bool,
    },
    /// The client wanted something else, and was refused.
    OfferRefused { status: u16, why: String },
    /// The client was asked for something, and refused or did not answer.
    RequestFailed { method: &'static str, why: String },
    /// The client was asked for a full snapshot, and agreed.
    SnapshotRequested,
    /// The first packet came.
    Heard { from: SocketAddr, ssrc: u32 },
    /// A metadata document came; the findings say what is wrong with it.
    Metadata { number: u64, findings: Vec<String> },
    /// It is over.
    Ended {
        end: EndFacts,
        duration_ms: u64,
        packets: u64,
        lost: u64,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invited { transport, remote } => write!(f, "invited by {remote} ({transport})"),
            Self::Ignored => f.write_str("ignored"),
            Self::Rejected { status, why } => write!(f, "rejected with {status}: {why}"),
            Self::Cancelled => f.write_str("cancelled by the client"),
            Self::Answered {
                codec,
                suite,
                port,
                receiving,
            } => {
                let terms = Terms(codec, suite, *receiving);
                write!(f, "answered: {terms}, port {port}")
            }
            Self::Changed {
                codec,
                suite,
                receiving,
            } => write!(f, "changed: {}", Terms(codec, suite, *receiving)),
            Self::OfferRefused { status, why } => {
                write!(f, "the client's offer was refused with {status}: {why}")
            }
            Self::RequestFailed { method, why } => {
                write!(f, "the client did not accept our {method}: {why}")
            }
            Self::SnapshotRequested => f.write_str("a full snapshot was asked for"),
            Self::Heard { from, ssrc } => write!(f, "hears {from}, SSRC {ssrc:#010x}"),
            Self::Metadata { number, findings } if findings.is_empty() => {
                write!(f, "metadata {number}: valid")
            }
            Self::Metadata { number, findings } => {
                write!(f, "metadata {number}: {}", findings.join("; "))
            }
            Self::Ended {
                end,
                duration_ms,
                packets,
                lost,
            } => {
                let seconds = *duration_ms as f64 / 1000.0;
                write!(
                    f,
                    "ended {end}: {seconds:.1} s, {packets} packets, {lost} lost"
                )
            }
        }
    }
}

impl fmt::Display for EndFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client { reason: None } => f.write_str("by the client"),
            Self::Client {
                reason: Some(reason),
            } => write!(f, "by the client ({reason})"),
            Self::Recorder => f.write_str("by this recorder"),
            Self::Expired => f.write_str("because nobody refreshed the session"),
            Self::Lost { status: None } => f.write_str("because the client does not answer"),
            Self::Lost {
                status: Some(status),
            } => write!(f, "because the client does not know it any more ({status})"),
            Self::Unacknowledged => f.write_str("because the client did not acknowledge"),
            Self::Invalid { status } => write!(f, "because its INVITE was wrong ({status})"),
        }
    }
}

/// What is agreed on.
struct Terms<'a>(&'a Option<String>, &'a Option<String>, bool);

impl fmt::Display for Terms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.2 { "receiving" } else { "inactive" };
        f.write_str(self.0.as_deref().unwrap_or("no codec"))?;
        if let Some(suite) = self.1 {
            write!(f, " by SRTP {suite}")?;
        }
        write!(f, ", {state}")
    }
}
