//! One recording: one call at one recorder, through every attempt that it takes.
//!
//! Each recording is a machine of its own, with its own SIP sessions, its own stream and its own
//! patience: nothing that one recorder does or fails to do reaches another, or the call.

/// What recorders are told of a call.
mod account;
/// An established recording: keeping the recorder told.
mod active;
/// One attempt: from the INVITE to its answer.
mod attempt;
/// What an INVITE to a recorder carries: the offer, headers and metadata.
mod content;
/// Why an attempt failed or a recording broke off, and whether to try again.
mod failure;
/// How a recorder is spoken to, and how else once it has refused that.
mod form;
/// The times in which a recorder should have recorded and did not.
mod gaps;
/// What the recorder offers and asks for in an established recording.
mod offers;
/// Whole recordings in virtual time.
#[cfg(test)]
mod scenarios;
/// How audio is protected on its way to the recorder.
mod security;
/// What the control interface shows of a recording.
mod show;
/// One attempt's way through a recorder's addresses.
mod tour;
/// Waiting for a recorder that is down, and what happens when it is back.
mod wait;

use std::sync::Arc;
use std::time::Instant;

use sixreel_dataplane::api::SinkStats;

pub use self::account::Account;
use self::active::Active;
use self::attempt::Leg;
pub(crate) use self::content::ACCEPT;
use self::failure::{Failure, Verdict, pause};
use self::form::Form;
pub use self::gaps::Gap;
use self::gaps::Gaps;
use self::tour::Tour;
use crate::control::request::Name;
use crate::control::view::EventKind;
use crate::media::Stream;
use crate::recorder::Recorder;
use crate::sip::content::Content;
use crate::sip::output::Output;
use crate::sip::session::Session;
use crate::time::Wall;
use crate::turn::{Subject, Turn};

pub use crate::sip::session::Input;

/// A call's recording at one recorder.
#[derive(Debug)]
pub struct Recording {
    id: Name,
    recorder: Arc<Recorder>,
    /// How it is spoken to now.
    form: Form,
    state: State,
    /// While an attempt lasts, the addresses that it tries.
    tour: Option<Tour>,
    /// INVITEs to new sessions so far.
    attempts: u32,
    /// Attempts in a row that came to nothing, or to nothing that lasted.
    failures: u32,
    /// The recorder has refused protection, and may be offered RTP in clear.
    in_clear: bool,
    /// Why there was no recording, the last time that there was none.
    error: Option<String>,
    established: Option<Wall>,
    /// When recording was wanted first.
    started: Wall,
    gaps: Gaps,
    /// The recorder has refused this call, and said that it means it.
    declined: bool,
    /// It was told that the recorder is down.
    told_down: bool,
    /// What is told when it has ended.
    parting: String,
    /// The stream that was opened last, and what is known of it.
    stream: Option<(Stream, SinkStats)>,
    /// Sessions that are over for us, until their last message was sent and answered.
    lingering: Vec<Session>,
    /// What is shown as the state, and since when.
    shown: show::Shown,
}

#[derive(Debug)]
enum State {
    /// The next attempt.
    Waiting(wait::Wait),
    /// INVITE sent.
    Connecting(Box<Leg>),
    /// Accepted.
    Active(Box<Active>),
    /// There will be no further attempt.
    Failed,
    /// The call is over; we wait until the recorder knows.
    Ending(Box<Session>),
    /// Nothing is left to do but for lingering sessions.
    Over,
}

impl Recording {
    /// A recording whose first attempt begins at once. `gap` has begun where it takes over from
    /// another.
    pub fn start(
        recorder: &Arc<Recorder>,
        gap: Option<Gap>,
        account: &Account,
        turn: &mut Turn<'_>,
    ) -> Self {
        let id = format!("{}-{}", account.key, recorder.id);
        let mut recording = Self {
            id: Name::new(&id).expect("a number and a recorder's identifier make a name"),
            recorder: Arc::clone(recorder),
            form: Form::new(recorder),
            state: State::Over,
            tour: None,
            attempts: 0,
            failures: 0,
            in_clear: false,
            error: None,
            established: None,
            started: turn.now.wall,
            gaps: Gaps::default(),
            declined: false,
            told_down: false,
            parting: String::new(),
            stream: None,
            lingering: Vec::new(),
            shown: show::Shown::new(turn.now.wall),
        };
        recording.begin(gap, account, turn);
        recording
    }

    /// Begins once more, after it was over.
    pub fn restart(&mut self, gap: Option<Gap>, account: &Account, turn: &mut Turn<'_>) {
        self.started = turn.now.wall;
        self.established = None;
        self.failures = 0;
        self.begin(gap, account, turn);
    }

    fn begin(&mut self, gap: Option<Gap>, account: &Account, turn: &mut Turn<'_>) {
        if let Some(gap) = gap {
            self.gaps.begin(gap);
        }
        self.attempt(account, turn);
        self.note_state(account, turn);
    }

    /// Its identifier.
    pub const fn id(&self) -> &Name {
        &self.id
    }

    /// Its recorder.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Takes what has come for the session of this Call-ID; `false` if it has no such session.
    pub fn receive(
        &mut self,
        call_id: &str,
        input: Input,
        account: &Account,
        turn: &mut Turn<'_>,
    ) -> bool {
        let mut outputs = Vec::new();
        if let Some(session) = self.session_mut().filter(|s| s.call_id() == call_id) {
            session.handle(input, turn.now.mono, &mut outputs);
            self.take(outputs, account, turn);
            self.note_state(account, turn);
            return true;
        }
        let lingering = self.lingering.iter_mut();
        let Some(session) = lingering.into_iter().find(|s| s.call_id() == call_id) else {
            return false;
        };
        session.handle(input, turn.now.mono, &mut outputs);
        transmit(outputs, turn);
        self.lingering.retain(|session| !session.is_over());
        true
    }

    /// Nothing reaches the other end of this flow.
    pub fn unreachable(&mut self, input: &Input, account: &Account, turn: &mut Turn<'_>) {
        self.tell_sessions(input, account, turn);
        if let Input::Unreachable { flow } = input
            && let State::Active(active) = &mut self.state
            && active.leg.remote == flow.remote
        {
            active.doubt(turn);
        }
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, account: &Account, turn: &mut Turn<'_>) {
        let now = turn.now.mono;
        if let State::Waiting(wait) = &self.state
            && wait.until.is_some_and(|until| until <= now)
        {
            self.attempt(account, turn);
        }
        self.on_patience(account, turn);
        if let State::Active(active) = &mut self.state
            && active.again.is_some_and(|at| at <= now)
        {
            active.again = None;
            self.sync(account, turn);
        }
        let due = |session: &Session| session.deadline().is_some_and(|(at, _)| at <= now);
        if self.session_mut().is_some_and(|session| due(session)) || self.lingering.iter().any(due)
        {
            self.tell_sessions(&Input::Deadline, account, turn);
        }
        self.note_state(account, turn);
    }

    /// When it wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Waiting(wait) => wait.until,
            State::Connecting(leg) => {
                let patience = self.tour.as_ref().and_then(Tour::deadline);
                deadline_of(&leg.session).into_iter().chain(patience).min()
            }
            State::Active(active) => deadline_of(&active.leg.session)
                .into_iter()
                .chain(active.again)
                .min(),
            State::Ending(session) => deadline_of(session),
            State::Failed | State::Over => None,
        };
        let lingering = self.lingering.iter().filter_map(deadline_of);
        own.into_iter().chain(lingering).min()
    }

    /// The account has changed: the recorder is told, now or as soon as it can be.
    pub fn changed(&mut self, account: &Account, turn: &mut Turn<'_>) {
        if let State::Active(active) = &mut self.state {
            active.again = None;
        }
        self.sync(account, turn);
        self.note_state(account, turn);
    }

    /// Figures of a stream.
    pub fn figures(&mut self, stream: Stream, stats: SinkStats) {
        if let Some((mine, known)) = &mut self.stream
            && *mine == stream
        {
            *known = stats;
        }
    }

    /// The call is over.
    pub fn end(&mut self, account: &Account, turn: &mut Turn<'_>) {
        if self.gaps.open().is_some() && !matches!(self.state, State::Over | State::Ending(_)) {
            self.end_gap(account, turn);
        }
        self.finish("the call is over", account, turn);
    }

    /// Another recorder of its group records the call instead.
    pub fn dismiss(&mut self, by: &Name, account: &Account, turn: &mut Turn<'_>) {
        self.gaps.forget();
        let parting = format!("recorder {by} records the call");
        self.finish(&parting, account, turn);
    }

    fn finish(&mut self, parting: &str, account: &Account, turn: &mut Turn<'_>) {
        parting.clone_into(&mut self.parting);
        match std::mem::replace(&mut self.state, State::Over) {
            State::Waiting(_) | State::Failed => {
                let detail = format!("{parting}; there was no recording now");
                self.tell_end(&detail, account, turn);
            }
            State::Connecting(leg) => self.say_farewell(*leg, turn),
            State::Active(active) => self.say_farewell(active.leg, turn),
            state @ (State::Ending(_) | State::Over) => self.state = state,
        }
        self.note_state(account, turn);
    }

    /// Whether the recorder knows that it is over, or nobody waits for that any more.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether nothing at all is left of it.
    pub fn is_over(&self) -> bool {
        self.is_ended() && self.lingering.is_empty()
    }

    fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.state {
            State::Connecting(leg) => Some(&mut leg.session),
            State::Active(active) => Some(&mut active.leg.session),
            State::Ending(session) => Some(session),
            State::Waiting(_) | State::Failed | State::Over => None,
        }
    }

    fn tell_sessions(&mut self, input: &Input, account: &Account, turn: &mut Turn<'_>) {
        let now = turn.now.mono;
        let mut outputs = Vec::new();
        for session in &mut self.lingering {
            session.handle(input.clone(), now, &mut outputs);
        }
        self.lingering.retain(|session| !session.is_over());
        transmit(std::mem::take(&mut outputs), turn);
        if let Some(session) = self.session_mut() {
            session.handle(input.clone(), now, &mut outputs);
            self.take(outputs, account, turn);
        }
        self.note_state(account, turn);
    }

    /// Acts on what the present session tells.
    fn take(&mut self, outputs: Vec<Output>, account: &Account, turn: &mut Turn<'_>) {
        for output in outputs {
            match output {
                Output::Transmit { flow, bytes } => turn.transmit(flow, bytes),
                Output::Progress { .. } => self.tour.iter_mut().for_each(Tour::settle),
                Output::Withdrawn { .. } => {}
                Output::Answered { response, protocol } => {
                    self.on_answered(&response, protocol, account, turn);
                }
                Output::Accepted { response, .. } => self.on_accepted(&response, account, turn),
                Output::Refused { response, .. } => self.on_refused(&response, account, turn),
                Output::Failed { failure, .. } => self.on_unanswered(failure, account, turn),
                Output::Offered { id, request } => self.on_offered(id, &request, account, turn),
                Output::Acknowledged { id, ack } => self.on_acknowledged(id, &ack, account, turn),
                Output::RefreshDue => self.on_refresh_due(account, turn),
                Output::Ended { by } => self.on_ended(&by, account, turn),
            }
        }
    }

    /// What is left when there is no recording now: a wait, or nothing.
    fn fail(&mut self, failure: Failure, account: &Account, turn: &mut Turn<'_>) {
        self.failures += 1;
        self.tour = None;
        self.begin_gap(None, &failure.why, turn);
        let next = match failure.verdict {
            Verdict::Again { not_before } => {
                let pause = pause(self.failures, turn.random).max(not_before);
                self.state = State::Waiting(wait::Wait::new(turn.now, pause, not_before));
                format!("next attempt in {} s", pause.as_secs_f32().round())
            }
            Verdict::Final => {
                self.state = State::Failed;
                "no further attempt for this call".to_owned()
            }
        };
        let detail = format!("{}; {next}", failure.why);
        self.error = Some(failure.why);
        turn.tell(
            EventKind::RecordingFailed,
            self.subject(account),
            Some(detail),
        );
    }

    fn say_farewell(&mut self, mut leg: Leg, turn: &mut Turn<'_>) {
        turn.media.close_sink(leg.sink);
        let mut outputs = Vec::new();
        leg.session
            .end(Content::default(), turn.now.mono, &mut outputs);
        transmit(outputs, turn);
        self.state = State::Ending(Box::new(leg.session));
    }

    fn tell_end(&self, detail: &str, account: &Account, turn: &mut Turn<'_>) {
        turn.tell(
            EventKind::RecordingEnded,
            self.subject(account),
            Some(detail.to_owned()),
        );
    }

    fn subject<'a>(&'a self, account: &'a Account) -> Subject<'a> {
        Subject {
            call: Some(&account.call),
            recording: Some(&self.id),
            recorder: Some(&self.recorder.id),
            source: None,
        }
    }
}

fn deadline_of(session: &Session) -> Option<Instant> {
    session.deadline().map(|(at, _)| at)
}

/// Sends what a session wants sent that nobody listens to any more.
fn transmit(outputs: Vec<Output>, turn: &mut Turn<'_>) {
    for output in outputs {
        if let Output::Transmit { flow, bytes } = output {
            turn.transmit(flow, bytes);
        }
    }
}
