//! What the control interface shows of a recording.

use super::account::Account;
use super::{Recording, State};
use crate::control::request::{CodecName, Name};
use crate::control::view::{Decimal, RecordingState, RecordingView, ReportView};
use crate::media::Media;
use crate::sdp;
use crate::time::Wall;
use crate::turn::Turn;

/// The state that is shown, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    state: RecordingState,
    since: Wall,
}

impl Shown {
    pub(super) const fn new(since: Wall) -> Self {
        Self {
            state: RecordingState::Connecting,
            since,
        }
    }
}

impl Recording {
    /// Where it stands.
    pub const fn state(&self) -> RecordingState {
        self.shown.state
    }

    /// Why there was no recording, the last time that there was none.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Everything that is shown of it.
    pub fn view(&self, call: &Name, media: &Media) -> RecordingView {
        let active = match &self.state {
            State::Active(active) => Some(active),
            State::Waiting(_)
            | State::Connecting(_)
            | State::Failed
            | State::Ending(_)
            | State::Over => None,
        };
        let agreed = active.and_then(|active| active.agreed);
        let next_attempt = match &self.state {
            State::Waiting(wait) => wait.due.map(Wall::rfc3339),
            State::Connecting(_)
            | State::Active(_)
            | State::Failed
            | State::Ending(_)
            | State::Over => None,
        };
        let (stream, figures) = self.stream.unzip();
        let figures = figures.unwrap_or_default();
        RecordingView {
            id: self.id.clone(),
            call: call.clone(),
            recorder: self.recorder.id.clone(),
            state: self.shown.state,
            since: self.shown.since.rfc3339(),
            established: self.established.map(Wall::rfc3339),
            attempts: self.attempts,
            error: self.error.clone(),
            next_attempt,
            sip_call_id: self.sip_call_id().map(str::to_owned),
            transport: active.map(|active| active.protocol.name()),
            codec: agreed.map(|agreed| match agreed.codec {
                sdp::Codec::Pcmu => CodecName::Pcmu,
                sdp::Codec::Pcma => CodecName::Pcma,
            }),
            local: stream.map(|stream| media.local(stream)),
            remote: agreed.map(|agreed| agreed.remote),
            packets: figures.packets,
            bytes: figures.bytes,
            report: figures.report.map(|report| ReportView {
                lost: report.cumulative_lost,
                fraction_lost_percent: Decimal {
                    thousandths: u64::from(report.fraction_lost) * 100_000 / 256,
                },
                jitter_ms: Decimal {
                    thousandths: report.jitter_us.into(),
                },
                round_trip_ms: (report.round_trip_us > 0).then_some(Decimal {
                    thousandths: report.round_trip_us.into(),
                }),
            }),
            gaps: self.gaps.views(),
        }
    }

    /// Notes since when the state is what it is.
    pub(super) fn note_state(&mut self, account: &Account, turn: &Turn<'_>) {
        let state = match &self.state {
            State::Waiting(_) => RecordingState::Retrying,
            State::Connecting(_) => RecordingState::Connecting,
            State::Active(active) if active.is_sending(account) => RecordingState::Recording,
            State::Active(_) => RecordingState::Paused,
            State::Failed => RecordingState::Failed,
            State::Ending(_) | State::Over => RecordingState::Ending,
        };
        if state != self.shown.state {
            self.shown = Shown {
                state,
                since: turn.now.wall,
            };
        }
    }

    fn sip_call_id(&self) -> Option<&str> {
        match &self.state {
            State::Connecting(leg) => Some(leg.session.call_id()),
            State::Active(active) => Some(active.leg.session.call_id()),
            State::Ending(session) => Some(session.call_id()),
            State::Waiting(_) | State::Failed | State::Over => None,
        }
    }
}
