//! How recorders are reached: where each one is, how it fares, and which of its addresses is worth
//! trying now.
//!
//! Whatever is learnt about a recorder comes together here: what the DNS says, whether it answers
//! OPTIONS, and how INVITEs to it went. Calls ask before they try, and are told when a recorder
//! comes back or goes down.

/// How a recorder fares: up, degraded or down.
mod health;
/// OPTIONS at regular times: is the recorder there?
mod ping;
/// One recorder: its addresses, its health and its pings.
mod place;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::place::Place;
use crate::config;
use crate::control::view::{EventKind, EventView, RecorderState};
use crate::locate::{Located, NotFound, Query, Target};
use crate::random::Random;
use crate::recorder::Recorder;
use crate::sip::digest::Credentials;
use crate::sip::flow::{Flow, Protocol, TlsSettings};
use crate::sip::local::Local;
use crate::sip::message::Response;
use crate::time::{Now, Wall};
use crate::turn::Output;

/// Every recorder, in the order of the configuration.
#[derive(Debug)]
pub struct Reach {
    places: Vec<Place>,
    /// Who we are, in each address family.
    ours: Vec<Arc<Local>>,
    changes: VecDeque<Change>,
    /// Recorders whose deadlines may have changed.
    touched: BTreeSet<usize>,
}

/// Something about a recorder that calls have to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its addresses have become known.
    Located(usize),
    /// It is in another state than before.
    State {
        recorder: usize,
        before: RecorderState,
    },
}

/// Whether a recorder may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Now,
    /// It is down: pings find out when it is back.
    WhenUp,
    /// It is down, and another try has just begun.
    At(Instant),
}

/// Why a recorder has no address to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nowhere {
    /// It is being looked up.
    Asked(String),
    /// It cannot be looked up.
    Unknown(String),
    /// All its servers asked to be left alone for so long (RFC 3261 §21.5.4).
    LeftAlone(Duration),
}

/// How a recorder fared.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    pub last_established: Option<Wall>,
    pub last_failure: Option<Wall>,
    pub last_error: Option<String>,
}

/// How a recorder is shown.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    pub state: RecorderState,
    pub since: Wall,
    pub trouble: Option<&'a str>,
    pub targets: Vec<Target>,
    pub fate: &'a Fate,
}

/// Time, randomness, and where results go.
pub(crate) struct Means<'a> {
    pub(crate) now: Now,
    pub(crate) random: &'a mut Random,
    pub(crate) out: &'a mut Vec<Output>,
}

impl Reach {
    /// The recorders of this configuration, for who we are in each address family.
    pub fn new(configs: &[config::Recorder], ours: Vec<Arc<Local>>, now: Now) -> Self {
        let place = |(index, config)| Place::new(Arc::new(Recorder::new(index, config)), now);
        Self {
            places: configs.iter().enumerate().map(place).collect(),
            ours,
            changes: VecDeque::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Each one's credentials, in their order; before the first call.
    pub fn set_credentials(&mut self, credentials: Vec<Option<Arc<Credentials>>>) {
        for (place, credentials) in self.places.iter_mut().zip(credentials) {
            Arc::make_mut(&mut place.recorder).credentials = credentials;
        }
    }

    /// Looks up every recorder that has a name, and begins to ping.
    pub(crate) fn start(&mut self, means: &mut Means<'_>) {
        for index in 0..self.places.len() {
            self.with(index, |place, _| place.start(means));
        }
    }

    /// How many recorders there are.
    pub const fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Each recorder.
    pub fn recorders(&self) -> impl Iterator<Item = &Arc<Recorder>> {
        self.places.iter().map(|place| &place.recorder)
    }

    /// The recorder of this index.
    pub fn recorder(&self, index: usize) -> &Arc<Recorder> {
        &self.places[index].recorder
    }

    /// Whether a recorder is not down.
    pub fn is_usable(&self, index: usize) -> bool {
        self.places[index].health.state != RecorderState::Down
    }

    /// What a recorder's trouble is and since when, while there is any.
    pub fn trouble(&self, index: usize) -> Option<(Wall, &str)> {
        let health = &self.places[index].health;
        health.trouble_since.zip(health.trouble.as_deref())
    }

    /// What is asked of the DNS, where a recorder has a name.
    pub fn query(&self, index: usize) -> Option<Query> {
        self.places[index].query()
    }

    /// Why TLS with a recorder came to nothing, while that is told.
    pub fn fault(&self, index: usize) -> Option<&str> {
        self.places[index].fault.as_deref()
    }

    /// Notes why a flow is of no use.
    pub fn begin_fault(&mut self, flow: Flow, why: String) {
        if let Some(place) = self.secure_place(flow) {
            place.fault = Some(why);
        }
    }

    /// Forgets that: everybody was told.
    pub fn end_fault(&mut self, flow: Flow) {
        if let Some(place) = self.secure_place(flow) {
            place.fault = None;
        }
    }

    /// The place that a flow leads to, where it is the only one.
    fn secure_place(&mut self, flow: Flow) -> Option<&mut Place> {
        match flow.protocol {
            Protocol::Tls(TlsSettings::Recorder(index)) => self.places.get_mut(usize::from(index)),
            Protocol::Tls(TlsSettings::Listener | TlsSettings::Trial(_))
            | Protocol::Udp
            | Protocol::Tcp => None,
        }
    }

    /// How a recorder is shown.
    pub fn shown(&self, index: usize) -> Shown<'_> {
        let place = &self.places[index];
        Shown {
            state: place.health.state,
            since: place.health.since,
            trouble: place.health.trouble.as_deref(),
            targets: place.known_targets(),
            fate: &place.fate,
        }
    }

    /// Whether a recorder may be tried now.
    pub fn admission(&mut self, index: usize, now: Now) -> Admission {
        self.places[index].admission(now.mono)
    }

    /// The addresses of a recorder to try, best first.
    pub fn targets(
        &self,
        index: usize,
        now: Now,
        random: &mut Random,
    ) -> Result<Vec<Target>, Nowhere> {
        self.places[index].targets(&self.ours, now.mono, random)
    }

    /// A recorder has accepted an INVITE.
    pub fn accepted(&mut self, index: usize, flow: Flow, now: Now) {
        self.with(index, |place, _| place.hear(flow, now));
    }

    /// An address of a recorder is not worth trying for the time being: it did not answer, or it
    /// asked to be left alone for so long.
    pub fn avoid(
        &mut self,
        index: usize,
        remote: SocketAddr,
        left_alone: Option<Duration>,
        now: Now,
    ) {
        self.places[index].avoid(remote, left_alone, now.mono);
    }

    /// An attempt has failed at every address of a recorder.
    pub fn missed(&mut self, index: usize, why: &str, now: Now) {
        self.with(index, |place, _| place.miss(why, now));
    }

    /// What the DNS says of a recorder.
    pub fn resolved(&mut self, index: usize, result: Result<Located, NotFound>, now: Now) {
        let has_come = self.places[index].resolved(result, &self.ours, now);
        if has_come {
            self.changes.push_back(Change::Located(index));
        }
        self.touched.insert(index);
    }

    /// An answer to a ping has come.
    pub(crate) fn receive(&mut self, index: usize, response: &Response, means: &mut Means<'_>) {
        if index < self.places.len() {
            self.with(index, |place, ours| place.receive(response, ours, means));
        }
    }

    /// Nothing reaches the other end of a flow.
    pub(crate) fn unreachable(&mut self, flow: Flow, means: &mut Means<'_>) {
        for index in 0..self.places.len() {
            self.with(index, |place, ours| place.unreachable(flow, ours, means));
        }
    }

    /// Does what is due for a recorder.
    pub(crate) fn on_deadline(&mut self, index: usize, means: &mut Means<'_>) {
        self.with(index, |place, ours| place.on_deadline(ours, means));
    }

    /// When something is due for a recorder.
    pub fn deadline(&self, index: usize) -> Option<Instant> {
        self.places[index].deadline()
    }

    /// How many recorders have a deadline.
    pub fn deadlines(&self) -> usize {
        let deadlines = self.places.iter().filter_map(Place::deadline);
        deadlines.count()
    }

    /// The oldest change that nobody was told of.
    pub fn pop_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// The recorders whose deadlines may have changed.
    pub fn take_touched(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.touched)
    }

    /// Notes what was told of a recorder.
    pub fn note(&mut self, event: &EventView, now: Wall) {
        let mut places = self.places.iter_mut();
        let place = places.find(|place| Some(&place.recorder.id) == event.recorder.as_ref());
        let Some(fate) = place.map(|place| &mut place.fate) else {
            return;
        };
        if event.kind == EventKind::RecordingEstablished {
            fate.last_established = Some(now);
        } else if event.kind == EventKind::RecordingFailed {
            fate.last_failure = Some(now);
            fate.last_error.clone_from(&event.detail);
        }
    }

    /// Lets a recorder's place do something, and notes whether that changed its state.
    fn with(&mut self, index: usize, act: impl FnOnce(&mut Place, &[Arc<Local>])) {
        let place = &mut self.places[index];
        let before = place.health.state;
        act(place, &self.ours);
        if place.health.state != before {
            self.changes.push_back(Change::State {
                recorder: index,
                before,
            });
        }
        self.touched.insert(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn credentials_belong_to_one_recorder() {
        let now = Now {
            mono: Instant::now(),
            wall: Wall(0),
        };
        let configs = ["", ""].map(Recorder::testing_config);
        let mut reach = Reach::new(&configs, Vec::new(), now);
        let own = Credentials::new("u".to_owned(), "p".to_owned(), None);
        reach.set_credentials(vec![None, Some(Arc::new(own.clone()))]);
        let [first, second] = [0, 1].map(|index| reach.recorder(index).credentials.as_deref());
        assert_eq!((first, second), (None, Some(&own)));
    }
}
