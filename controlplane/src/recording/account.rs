//! What recorders are told of a call.

use crate::control::request::{CodecName, Name, Priority};
use crate::media::Place;
use crate::metadata::{CallInfo, Facts};
use crate::recorder::Recorder;
use crate::sdp::{MasterKey, Suite};

/// A call as its recordings see it, as it stands now.
#[derive(Clone, Debug)]
pub struct Account {
    pub call: Name,
    /// The call's number, which no other call has or had.
    pub key: u64,
    /// Where its media is.
    pub place: Place,
    pub console_id: String,
    pub priority: Priority,
    /// The call's own codec.
    pub codec: CodecName,
    /// The call itself is protected.
    pub secure: bool,
    /// The keys of its sources, which are never a recording's (RFC 7866 §12.2).
    pub keys: Vec<(Suite, MasterKey)>,
    /// The site wants no audio recorded now.
    pub paused: bool,
    /// For recorders that want headers.
    pub info: CallInfo,
    /// For recorders that want metadata; the stream's label is each recorder's own.
    pub facts: Facts,
}

/// What a recorder knows of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) info: CallInfo,
    pub(super) facts: Facts,
}

impl Account {
    /// What this recorder knows once it was told everything.
    pub(super) fn told(&self, recorder: &Recorder) -> Told {
        let mut facts = self.facts.clone();
        facts.stream.label.clone_from(&recorder.label);
        Told {
            info: self.info.clone(),
            facts,
        }
    }
}
