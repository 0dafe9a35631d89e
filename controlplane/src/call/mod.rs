//! One call: its facts, its participants, its sources, and a recording at each recorder.

/// Who takes part.
mod participants;
/// Who is called, by what address: facts in the words that recorders are told them in.
mod parties;
/// Which members of a group of recorders record it.
mod roster;
/// The participants' audio.
mod sources;

use std::time::{Duration, Instant};

use sixreel_dataplane::api::Event;

use self::participants::Participant;
use self::sources::Source;
use crate::control::problem::Problem;
use crate::control::request::{CallFacts, Name, Security};
use crate::control::view::{CallState, CallSummary, CallView, EventKind, RecordingCounts};
use crate::media::{Media, Place, Stream};
use crate::metadata::{Facts, Id, SessionFacts, StreamFacts};
use crate::recording::{Account, Input, Recording};
use crate::time::Wall;
use crate::turn::{Subject, Turn};

/// A call that is being recorded, or whose recordings are being ended.
#[derive(Debug)]
pub struct Call {
    id: Name,
    key: u64,
    place: Place,
    facts: CallFacts,
    started: Wall,
    /// Those who are in the call, in the order of joining.
    participants: Vec<Participant>,
    sources: Vec<Source>,
    recordings: Vec<Recording>,
    /// What recorders are told.
    account: Account,
    /// When the call ends for want of requests.
    lease_due: Option<Instant>,
    /// Recording has begun.
    is_recorded: bool,
    is_over: bool,
}

impl Call {
    /// A call that is connected to its console. `key` is a number that no other call has or had.
    pub fn new(key: u64, id: Name, facts: CallFacts, turn: &mut Turn<'_>) -> Result<Self, Problem> {
        let place = turn
            .media
            .open_call()
            .ok_or_else(|| Problem::limit_reached("calls", turn.media.taken().0))?;
        let session = SessionFacts {
            id: Id(turn.random.uuid()),
            started: turn.now.wall,
            ended: None,
            sip_session_ids: Vec::new(),
        };
        let stream = StreamFacts {
            id: Id(turn.random.uuid()),
            label: String::new(),
        };
        let account = Account {
            call: id.clone(),
            key,
            place,
            console_id: String::new(),
            priority: facts.priority,
            codec: facts.codec,
            secure: false,
            paused: false,
            info: crate::metadata::CallInfo::default(),
            facts: Facts {
                session,
                participants: Vec::new(),
                stream,
            },
        };
        let mut call = Self {
            id,
            key,
            place,
            started: turn.now.wall,
            participants: Vec::new(),
            sources: Vec::new(),
            recordings: Vec::new(),
            account,
            lease_due: None,
            is_recorded: false,
            is_over: false,
            facts,
        };
        call.renew_lease(turn);
        call.write_account();
        turn.tell(EventKind::CallStarted, call.subject(), None);
        Ok(call)
    }

    /// Its identifier.
    pub const fn id(&self) -> &Name {
        &self.id
    }

    /// What the conference server tells of it.
    pub const fn facts(&self) -> &CallFacts {
        &self.facts
    }

    /// A request has named it: it lives on.
    pub fn renew_lease(&mut self, turn: &Turn<'_>) {
        self.lease_due = self
            .facts
            .lease_s
            .map(|lease| turn.now.mono + Duration::from_secs(lease.into()));
    }

    /// New facts.
    pub fn set_facts(&mut self, facts: CallFacts, turn: &mut Turn<'_>) {
        self.facts = facts;
        self.renew_lease(turn);
        self.tell_recordings(turn);
    }

    /// The site wants audio recorded, or not.
    pub fn set_paused(&mut self, paused: bool, turn: &mut Turn<'_>) {
        self.account.paused = paused;
        self.tell_recordings(turn);
    }

    /// Takes what has come for the session of this Call-ID at the recorder of this index; `false`
    /// if there is no such session.
    pub fn receive(
        &mut self,
        (recorder, call_id): (usize, &str),
        input: Input,
        turn: &mut Turn<'_>,
    ) -> bool {
        let account = &self.account;
        let mut recordings = self.recordings.iter_mut();
        let recording = recordings.find(|recording| recording.recorder().index == recorder);
        recording.is_some_and(|recording| recording.receive(call_id, input, account, turn))
    }

    /// Nothing reaches the other end of a flow.
    pub fn unreachable(&mut self, input: &Input, turn: &mut Turn<'_>) {
        for recording in &mut self.recordings {
            recording.unreachable(input, &self.account, turn);
        }
    }

    /// How many of its recordings wait for a recorder.
    pub fn waiting_for(&self, recorder: usize) -> usize {
        let waiting = |recording: &&Recording| {
            recording.recorder().index == recorder
                && (recording.is_waiting() || recording.is_active())
        };
        self.recordings.iter().filter(waiting).count()
    }

    /// A recorder is back, or its address has become known. What waits for it is done within
    /// `spread`; `verifies` where it may have forgotten what it was told.
    pub fn recorder_is_back(
        &mut self,
        recorder: usize,
        spread: Duration,
        verifies: bool,
        turn: &mut Turn<'_>,
    ) {
        for recording in &mut self.recordings {
            if recording.recorder().index == recorder {
                recording.hurry(spread, &self.account, turn);
                if verifies {
                    recording.verify(spread, turn);
                }
            }
        }
    }

    /// Takes what the data plane tells of a stream.
    pub fn hear(&mut self, stream: Stream, event: &Event, turn: &mut Turn<'_>) {
        if let Event::SinkStats { stats, .. } = event {
            for recording in &mut self.recordings {
                recording.figures(stream, *stats);
            }
        } else {
            self.hear_source(stream, event, turn);
        }
    }

    /// Does what is due. Returns whether the lease ran out, so that the call has ended.
    pub fn on_deadline(&mut self, turn: &mut Turn<'_>) -> bool {
        let now = turn.now.mono;
        for recording in &mut self.recordings {
            if recording.deadline().is_some_and(|at| at <= now) {
                recording.on_deadline(&self.account, turn);
            }
        }
        let expired = self.lease_due.is_some_and(|due| due <= now);
        if expired {
            self.end("its lease ran out", turn);
        }
        expired
    }

    /// When it wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let recordings = self.recordings.iter().filter_map(Recording::deadline);
        recordings.chain(self.lease_due).min()
    }

    /// The call is over: everything of it is ended, without waiting for anybody.
    pub fn end(&mut self, why: &str, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.lease_due = None;
        for recording in &mut self.recordings {
            recording.end(&self.account, turn);
        }
        for source in self.sources.drain(..) {
            turn.media.close_source(source.stream());
        }
        turn.media.close_call(self.place);
        turn.tell(EventKind::CallEnded, self.subject(), Some(why.to_owned()));
    }

    /// Whether every recorder knows that the call is over, or nobody waits for that any more.
    pub fn is_ended(&self) -> bool {
        self.is_over && self.recordings.iter().all(Recording::is_ended)
    }

    /// Whether nothing at all is left of it.
    pub fn is_gone(&self) -> bool {
        self.is_over && self.recordings.iter().all(Recording::is_over)
    }

    /// Its recordings.
    pub fn recordings(&self) -> &[Recording] {
        &self.recordings
    }

    /// How many participants and sources it has.
    pub const fn size(&self) -> (usize, usize) {
        (self.participants.len(), self.sources.len())
    }

    /// Everything that is shown of it.
    pub fn view(&self, media: &Media) -> CallView {
        CallView {
            id: self.id.clone(),
            facts: self.facts.clone(),
            state: self.state(),
            started: self.started.rfc3339(),
            participants: self.participants.iter().map(Participant::view).collect(),
            sources: self.sources.iter().map(|s| s.view(media)).collect(),
            recordings: self.running().map(|r| r.id().clone()).collect(),
        }
    }

    /// What is shown of it in a list.
    pub fn summary(&self) -> CallSummary {
        CallSummary {
            id: self.id.clone(),
            console_id: self.facts.console_id.clone(),
            user: self.facts.user.clone(),
            calling: self.facts.calling.clone(),
            state: self.state(),
            started: self.started.rfc3339(),
            participants: self.participants.len() as u32,
            sources: self.sources.len() as u32,
            recordings: self.counts(),
        }
    }

    /// Its recordings by state.
    pub fn counts(&self) -> RecordingCounts {
        let mut counts = RecordingCounts::default();
        for recording in self.running() {
            counts.count(recording.state());
        }
        counts
    }

    /// Its recordings that have not ended.
    pub fn running(&self) -> impl Iterator<Item = &Recording> {
        let recordings = self.recordings.iter();
        recordings.filter(|recording| !recording.is_ended())
    }

    /// Brings the account and every recorder up to date.
    fn tell_recordings(&mut self, turn: &mut Turn<'_>) {
        self.write_account();
        for recording in &mut self.recordings {
            recording.changed(&self.account, turn);
        }
    }

    fn write_account(&mut self) {
        let facts = &self.facts;
        self.account.console_id.clone_from(&facts.console_id);
        self.account.priority = facts.priority;
        self.account.codec = facts.codec;
        self.account.secure = facts.security == Security::Secure;
        let participants = self.participants.iter().map(Participant::facts);
        self.account.info = parties::call_info(&self.id, facts, participants);
    }

    const fn state(&self) -> CallState {
        if self.account.paused {
            CallState::Paused
        } else {
            CallState::Active
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            call: Some(&self.id),
            ..Subject::default()
        }
    }
}
