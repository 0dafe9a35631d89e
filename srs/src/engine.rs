//! The recorder without IO: what comes in, what is due, what is to be sent and kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsip::Method;
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sip::flow::Flow;
use sixreel_controlplane::sip::local::Local;
use sixreel_controlplane::sip::message::{Message, Rejected, Request};
use sixreel_controlplane::sip::{output, stateless};
use sixreel_controlplane::time::Now;

use crate::behaviour::Behaviour;
use crate::event::Event;
use crate::facts::Facts;
use crate::ports::Ports;
use crate::recording::{Caller, Context, Recording};

/// Calls that are known at once, those that are over but not forgotten among them.
const CALLS_MAX: usize = 10_000;

/// How long a call is remembered that gets no answer: longer than anybody asks for one
/// (RFC 3261 §17.1.1.2, timer B).
const IGNORED_TIME: Duration = Duration::from_secs(40);

/// What a recorder is, and does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who it is in SIP.
    pub local: Local,
    /// Where it wants media.
    pub media_address: IpAddr,
    /// Pairs of media ports by their even ones, each of which it can receive at.
    pub media_ports: Vec<u16>,
    /// How calls are treated.
    pub behaviour: Behaviour,
}

/// A recorder.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    local: Arc<Local>,
    random: Random,
    /// How the next calls are treated, one each.
    planned: VecDeque<Behaviour>,
    ports: Ports,
    calls: BTreeMap<RecordingId, Call>,
    by_call_id: BTreeMap<String, RecordingId>,
    deadlines: BTreeSet<(Instant, RecordingId)>,
    last_id: u64,
    stopping: bool,
}

/// A call, by the order of their coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub u64);

/// What comes to a recorder.
#[derive(Debug)]
pub enum Input<'a> {
    /// A SIP message.
    Sip {
        /// By which transport, and from whom.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// Bytes that are no usable SIP message.
    Rejected {
        /// By which transport, and from whom.
        flow: Flow,
        /// What is wrong with them.
        rejected: Rejected,
    },
    /// Nothing sent there arrives.
    Unreachable {
        /// The peer.
        flow: Flow,
    },
    /// A datagram to a media port.
    Media {
        /// The port that it came to.
        port: u16,
        /// Who sent it.
        from: SocketAddr,
        /// RTP or RTCP.
        data: &'a [u8],
    },
    /// The deadline has come.
    Deadline,
    /// All recordings end, and no other begins.
    Stop,
}

/// What a recorder wants done.
///
/// The files of a recording lie between its `Begin` and its `End`.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A SIP message is to be sent.
    Transmit {
        /// By which transport, and to whom.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// RTCP is to be sent.
    Media {
        /// The port that it leaves from.
        port: u16,
        /// Where it goes.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// A recording begins.
    Begin {
        /// Which.
        recording: RecordingId,
        /// What it may be called: the call's own identifier where that is known.
        name: String,
    },
    /// The recording goes on with these samples: 16 bits, 8 kHz.
    Samples {
        /// Which.
        recording: RecordingId,
        /// The samples.
        samples: Vec<i16>,
    },
    /// The recording goes on with silence.
    Silence {
        /// Which.
        recording: RecordingId,
        /// How many samples of it.
        samples: u64,
    },
    /// A metadata document came.
    Metadata {
        /// To which recording.
        recording: RecordingId,
        /// Its number, beginning with 1.
        number: u64,
        /// The document, byte for byte.
        document: Vec<u8>,
    },
    /// More is known of a recording.
    Facts {
        /// Which.
        recording: RecordingId,
        /// Everything that is known now.
        facts: Box<Facts>,
    },
    /// A recording is complete; what is known of it was told just before.
    End {
        /// Which.
        recording: RecordingId,
    },
    /// Something happened that people may want to know.
    Event {
        /// What the call is called.
        call: String,
        /// What happened.
        event: Event,
    },
}

#[derive(Debug)]
struct Call {
    call_id: String,
    deadline: Option<Instant>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Session(Box<Recording>),
    /// Nothing is answered, until then it is remembered.
    Ignored {
        until: Instant,
    },
}

impl Engine {
    /// A recorder without calls.
    pub fn new(settings: Settings, random: Random) -> Self {
        Self {
            local: Arc::new(settings.local.clone()),
            ports: Ports::new(&settings.media_ports),
            settings,
            random,
            planned: VecDeque::new(),
            calls: BTreeMap::new(),
            by_call_id: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            last_id: 0,
            stopping: false,
        }
    }

    /// The next call for which nothing is planned yet is treated so.
    pub fn plan(&mut self, behaviour: Behaviour) {
        self.planned.push_back(behaviour);
    }

    /// What was planned and did not come to pass is forgotten.
    pub fn unplan(&mut self) {
        self.planned.clear();
    }

    /// Takes what has come.
    pub fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        match input {
            Input::Sip { flow, message } => self.on_message(flow, message, now, out),
            Input::Rejected { flow, rejected } => {
                let mut told = Vec::new();
                stateless::reject(&rejected, flow, &self.local, &mut told);
                transmit(told, out);
            }
            Input::Unreachable { flow } => self.with_all(now, out, |recording, context| {
                recording.unreachable(flow, context);
            }),
            Input::Media { port, from, data } => {
                if let Some(id) = self.ports.owner(port) {
                    self.with(id, now, out, |recording, context| {
                        recording.media((port, from, data), context);
                    });
                }
            }
            Input::Deadline => self.on_deadline(now, out),
            Input::Stop => {
                self.stopping = true;
                self.with_all(now, out, Recording::stop);
            }
        }
    }

    /// When it wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Whether every call is over, and every BYE of ours has its answer.
    pub fn is_idle(&self) -> bool {
        self.calls.values().all(|call| match &call.kind {
            Kind::Session(recording) => recording.is_ended(),
            Kind::Ignored { .. } => true,
        })
    }

    fn on_message(&mut self, flow: Flow, message: Message, now: Now, out: &mut Vec<Output>) {
        if let Some(id) = self.by_call_id.get(message.call_id()).copied() {
            self.with(id, now, out, |recording, context| {
                recording.received(flow, message, context);
            });
            return;
        }
        // A response to nothing of ours is nobody's.
        let Message::Request(request) = message else {
            return;
        };
        let begins = request
            .headers
            .identity()
            .is_ok_and(|identity| identity.to_tag.is_none());
        if request.method == Method::Invite && begins {
            self.on_call(flow, request, now, out);
        } else {
            let mut told = Vec::new();
            stateless::refuse(&request, flow, &self.local, &mut told);
            transmit(told, out);
        }
    }

    fn on_call(&mut self, flow: Flow, invite: Request, now: Now, out: &mut Vec<Output>) {
        if self.calls.len() >= CALLS_MAX {
            return;
        }
        let behaviour = if self.stopping {
            Behaviour::Reject(503)
        } else {
            let planned = self.planned.pop_front();
            planned.unwrap_or_else(|| self.settings.behaviour.clone())
        };
        self.last_id += 1;
        let id = RecordingId(self.last_id);
        let call_id = invite.headers.get("Call-ID").unwrap_or_default().to_owned();
        self.by_call_id.insert(call_id.clone(), id);
        let caller = Caller::new(&invite, flow, now.wall);
        let invited = Event::Invited {
            transport: caller.transport(),
            remote: flow.remote,
        };
        caller.tell(invited, out);
        let plan = match behaviour {
            Behaviour::Record(manner) => Some(Ok(manner)),
            Behaviour::Reject(status) => Some(Err(status)),
            Behaviour::Ignore => None,
        };
        let kind = if let Some(plan) = plan {
            let random = self.random.fork();
            let mut context = Context {
                settings: &self.settings,
                ports: &mut self.ports,
                now,
                out,
            };
            let call = (id, caller, plan);
            let recording = Recording::new(call, &self.local, invite, random, &mut context);
            Kind::Session(Box::new(recording))
        } else {
            caller.tell(Event::Ignored, out);
            let until = now.mono + IGNORED_TIME;
            Kind::Ignored { until }
        };
        let call = Call {
            call_id,
            deadline: None,
            kind,
        };
        self.calls.insert(id, call);
        self.settle(id);
    }

    fn on_deadline(&mut self, now: Now, out: &mut Vec<Output>) {
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now.mono);
        let due: Vec<_> = due.map(|(_, id)| *id).collect();
        for id in due {
            let ignored = self.calls.get(&id).map(|call| &call.kind);
            if let Some(Kind::Ignored { .. }) = ignored {
                self.forget(id);
            } else {
                self.with(id, now, out, Recording::deadline_came);
            }
        }
    }

    /// Lets a recording act, and looks after what then is due.
    fn with(
        &mut self,
        id: RecordingId,
        now: Now,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut Recording, &mut Context<'_>),
    ) {
        let call = self.calls.get_mut(&id).map(|call| &mut call.kind);
        if let Some(Kind::Session(recording)) = call {
            let mut context = Context {
                settings: &self.settings,
                ports: &mut self.ports,
                now,
                out,
            };
            act(recording, &mut context);
            self.settle(id);
        }
    }

    fn with_all(
        &mut self,
        now: Now,
        out: &mut Vec<Output>,
        mut act: impl FnMut(&mut Recording, &mut Context<'_>),
    ) {
        let ids: Vec<_> = self.calls.keys().copied().collect();
        for id in ids {
            self.with(id, now, out, &mut act);
        }
    }

    /// Notes when a call wants to be called, or forgets it.
    fn settle(&mut self, id: RecordingId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let deadline = match &call.kind {
            Kind::Session(recording) if recording.is_over() => {
                self.forget(id);
                return;
            }
            Kind::Session(recording) => recording.deadline(),
            Kind::Ignored { until } => Some(*until),
        };
        if deadline != call.deadline {
            let before = std::mem::replace(&mut call.deadline, deadline);
            if let Some(before) = before {
                self.deadlines.remove(&(before, id));
            }
            self.deadlines.extend(deadline.map(|at| (at, id)));
        }
    }

    fn forget(&mut self, id: RecordingId) {
        if let Some(call) = self.calls.remove(&id) {
            self.by_call_id.remove(&call.call_id);
            if let Some(at) = call.deadline {
                self.deadlines.remove(&(at, id));
            }
        }
    }
}

/// What is sent outside of any call.
fn transmit(told: Vec<output::Output>, out: &mut Vec<Output>) {
    for told in told {
        if let output::Output::Transmit { flow, bytes } = told {
            out.push(Output::Transmit { flow, bytes });
        }
    }
}
