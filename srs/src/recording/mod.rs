//! One call that is recorded: its session, its stream and its metadata.
//!
//! Each file adds one part of its life to `Recording`; this one routes what comes in to them.

/// The first INVITE and its answer.
mod answering;
/// Who calls, as the first INVITE tells it, and what is wrong with it.
mod caller;
/// How it ends, and what is told of it.
mod ending;
/// Offers in mid-call: theirs and ours.
mod offers;
/// The stream: packets in, sound and reports out.
mod playing;
/// What it does by itself, and when.
mod script;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rsip::Method;
use sixreel_controlplane::metadata::Contents;
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sip::flow::Flow;
use sixreel_controlplane::sip::local::{Local, Options};
use sixreel_controlplane::sip::message::{Message, Request};
use sixreel_controlplane::sip::output::{End, Output as Told, RequestId};
use sixreel_controlplane::sip::session::{Input as Heard, Session};
use sixreel_controlplane::time::{Now, Wall};

pub(crate) use self::caller::Caller;
use self::offers::Offered;
use crate::agreement::Agreement;
use crate::behaviour::{Manner, Step};
use crate::documents::Documents;
use crate::engine::{Output, RecordingId, Settings};
use crate::event::Event;
use crate::ports::Ports;
use crate::stream::Stream;
use crate::stream::guard::Guard;
use crate::stream::reports::Reports;

/// Metadata documents that are kept of one recording.
const DOCUMENTS_MAX: u64 = 1000;

/// A call, from its INVITE to its last retransmission.
#[derive(Debug)]
pub(crate) struct Recording {
    id: RecordingId,
    session: Session,
    random: Random,
    caller: Caller,
    stage: Stage,
    /// Whether the session has told its end.
    ended: bool,
}

/// What a recording acts with.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) ports: &'a mut Ports,
    pub(crate) now: Now,
    pub(crate) out: &'a mut Vec<Output>,
}

#[derive(Debug)]
enum Stage {
    /// The INVITE was not looked at yet: how it is to be recorded, or with what to be refused.
    New(Result<Manner, u16>),
    /// The INVITE waits for its answer.
    Waiting(Box<Waiting>),
    /// It is recorded.
    Active(Box<Active>),
    /// Nothing is recorded any more, or ever was.
    Over,
}

#[derive(Debug)]
struct Waiting {
    id: RequestId,
    invite: Request,
    manner: Manner,
    answer_at: Instant,
    port: u16,
}

#[derive(Debug)]
struct Active {
    manner: Manner,
    port: u16,
    answered: Wall,
    agreement: Agreement,
    offered: Option<Offered>,
    stream: Stream,
    /// Nothing is believed or sent that is not protected, where this is.
    guard: Option<Guard>,
    reports: Reports,
    documents: Documents,
    steps: VecDeque<(Instant, Step)>,
}

impl Recording {
    /// A client calls. `plan` says how it is to be recorded, or with what status to be refused.
    pub(crate) fn new(
        (id, caller, plan): (RecordingId, Caller, Result<Manner, u16>),
        local: &Arc<Local>,
        invite: Request,
        mut random: Random,
        context: &mut Context<'_>,
    ) -> Self {
        let mut options = Options::recording_server();
        if plan.as_ref().is_ok_and(|manner| !manner.feature_tag) {
            // RFC 3840 §9: what any telephone may say of itself.
            options.feature_tag = "audio";
        }
        let (call, fork, now) = ((caller.flow, invite), random.fork(), context.now.mono);
        let mut told = Vec::new();
        let session = Session::incoming(local, options, call, fork, now, &mut told);
        let mut recording = Self {
            id,
            session,
            random,
            caller,
            stage: Stage::New(plan),
            ended: false,
        };
        recording.take(told, context);
        recording
    }

    /// A message with its Call-ID came.
    pub(crate) fn received(&mut self, flow: Flow, message: Message, context: &mut Context<'_>) {
        let farewell = match &message {
            Message::Request(request) if request.method == Method::Bye => Some(request.clone()),
            Message::Request(_) | Message::Response(_) => None,
        };
        let told = self.hear(Heard::Received { flow, message }, context);
        // RFC 8068 §3.2.4: a BYE may carry the last metadata.
        let by_peer = |told: &Told| {
            matches!(
                told,
                Told::Ended {
                    by: End::Peer { .. }
                }
            )
        };
        if let Some(bye) = farewell.filter(|_| told.iter().any(by_peer)) {
            self.take_metadata(&bye, context);
        }
        self.take(told, context);
    }

    /// Nothing that is sent there arrives.
    pub(crate) fn unreachable(&mut self, flow: Flow, context: &mut Context<'_>) {
        let told = self.hear(Heard::Unreachable { flow }, context);
        self.take(told, context);
    }

    /// Something is due.
    pub(crate) fn deadline_came(&mut self, context: &mut Context<'_>) {
        let told = self.hear(Heard::Deadline, context);
        self.take(told, context);
        match &self.stage {
            Stage::Waiting(waiting) if waiting.answer_at <= context.now.mono => {
                self.answer(context);
            }
            Stage::Active(_) => {
                self.report(context);
                self.step(context);
            }
            Stage::New(_) | Stage::Waiting(_) | Stage::Over => {}
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let stage = match &self.stage {
            Stage::Waiting(waiting) => Some(waiting.answer_at),
            Stage::Active(active) => Some(active.deadline()),
            Stage::New(_) | Stage::Over => None,
        };
        let session = self.session.deadline().map(|(at, _)| at);
        session.into_iter().chain(stage).min()
    }

    /// Whether both sides know that it is over.
    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether nothing of it is left.
    pub(crate) fn is_over(&self) -> bool {
        self.session.is_over()
    }

    fn hear(&mut self, heard: Heard, context: &Context<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        self.session.handle(heard, context.now.mono, &mut told);
        told
    }

    /// Has the session do something, and takes what comes of it.
    fn act(
        &mut self,
        act: impl FnOnce(&mut Session, Instant, &mut Vec<Told>),
        context: &mut Context<'_>,
    ) {
        let mut told = Vec::new();
        act(&mut self.session, context.now.mono, &mut told);
        self.take(told, context);
    }

    /// Takes what the session tells.
    fn take(&mut self, told: Vec<Told>, context: &mut Context<'_>) {
        for told in told {
            match told {
                Told::Transmit { flow, bytes } => {
                    context.out.push(Output::Transmit { flow, bytes });
                }
                Told::Offered { id, request } => match self.stage {
                    Stage::New(_) => self.on_call(id, request, context),
                    Stage::Active(_) => self.on_offer(id, &request, context),
                    // The session answers for itself.
                    Stage::Waiting(_) | Stage::Over => {}
                },
                Told::Acknowledged { ack, .. } => self.on_ack(&ack, context),
                Told::Accepted { method, response } => {
                    self.on_accepted(method, &response, context);
                }
                Told::Refused { method, response } => {
                    let why = format!("{} {}", response.status.code(), response.reason);
                    self.on_refused(method, why, context);
                }
                Told::Failed { method, failure } => {
                    self.on_refused(method, format!("{failure:?}").to_lowercase(), context);
                }
                Told::RefreshDue => self.refresh(context),
                Told::Ended { by } => self.on_ended(by, context),
                // Only a first INVITE of ours has those, and an offer is answered at once.
                Told::Progress { .. } | Told::Answered { .. } | Told::Withdrawn { .. } => {}
            }
        }
    }

    /// Takes the metadata of a request, if it has any.
    fn take_metadata(&mut self, request: &Request, context: &mut Context<'_>) {
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        let content_type = request.headers.get("Content-Type");
        let contents = Contents::parse(content_type, &request.body);
        let Some(document) = contents.metadata else {
            return;
        };
        let (number, findings) = active.documents.take(document);
        if number <= DOCUMENTS_MAX {
            context.out.push(Output::Metadata {
                recording: self.id,
                number,
                document: document.to_vec(),
            });
        }
        let event = Event::Metadata { number, findings };
        self.caller.tell(event, context.out);
        self.tell_facts(context);
    }
}
