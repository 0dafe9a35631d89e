//! How a call is treated: a small closed set, out of which tests and trials put recorders together.

use std::time::Duration;

use sixreel_controlplane::sdp::{Codec, Suite};

/// How a call is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It is recorded.
    Record(Manner),
    /// It is refused with this status: 300 to 699.
    Reject(u16),
    /// As if nobody were there: nothing is ever answered.
    Ignore,
}

/// How a call is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The codecs that are taken, the best first.
    pub codecs: Vec<Codec>,
    /// The crypto suites that are taken from an offer that comes by TLS, the best first; without
    /// any, protected streams are refused.
    pub suites: Vec<Suite>,
    /// Whose preference decides among them.
    pub pick: Pick,
    /// Says 180 before it answers.
    pub ringing: bool,
    /// How long it takes to answer.
    pub answer_after: Duration,
    /// What it wants of the stream when it answers.
    pub begin: Wish,
    /// What its answer carries.
    pub answer: Answer,
    /// Whether it says `+sip.srs`, as it must (RFC 7866 §6.2).
    pub feature_tag: bool,
    /// What it does later, and how long after its answer, in order of time.
    pub steps: Vec<(Duration, Step)>,
}

/// Whose preference decides which codec and which suite is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// The client's: the first of the offer that is taken at all.
    #[default]
    Offer,
    /// The recorder's: the best that is offered.
    Own,
}

/// What a recorder wants of the stream (RFC 7866 §7.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// `recvonly`.
    #[default]
    Receive,
    /// `inactive`: it is not ready yet, or takes a pause.
    Pause,
}

/// What the 200 to the first INVITE carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// The session description, as it should be.
    #[default]
    Sdp,
    /// The session description, and the client's own metadata: in two parts.
    SdpAndMetadata,
    /// The client's own metadata, and no session description.
    Metadata,
    /// Nothing.
    Nothing,
    /// What claims to be a session description and is none.
    Nonsense,
}

/// What a recorder does in mid-call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asks by re-INVITE for the stream, or for a pause.
    Want(Wish),
    /// Asks by UPDATE for a full snapshot of the metadata (RFC 7866 §9.2).
    Snapshot,
    /// Ends the recording.
    Bye,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            suites: Suite::ALL.to_vec(),
            pick: Pick::default(),
            ringing: false,
            answer_after: Duration::ZERO,
            begin: Wish::default(),
            answer: Answer::default(),
            feature_tag: true,
            steps: Vec::new(),
        }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::Record(Manner::default())
    }
}
