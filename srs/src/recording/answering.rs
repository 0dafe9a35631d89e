//! The first INVITE and its answer.

use std::collections::VecDeque;

use sixreel_controlplane::metadata::{Body as Written, Contents, MediaType};
use sixreel_controlplane::sdp::{Codec, Description, Local};
use sixreel_controlplane::sip::content::{Body, Content};
use sixreel_controlplane::sip::message::Request;
use sixreel_controlplane::sip::output::RequestId;

use super::offers::{Offered, sdp};
use super::{Active, Context, Recording, Stage, Waiting};
use crate::agreement::{Agreement, direction, pick, protection};
use crate::behaviour::{Answer, Manner};
use crate::documents::Documents;
use crate::engine::Output;
use crate::event::Event;
use crate::stream::Stream;
use crate::stream::reports::Reports;

impl Recording {
    /// The session offers the first INVITE.
    pub(super) fn on_call(&mut self, id: RequestId, invite: Request, context: &mut Context<'_>) {
        let Stage::New(plan) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        let manner = match plan {
            Ok(manner) => manner,
            Err(status) => {
                self.refuse(id, status, "this recorder is told to".to_owned(), context);
                return;
            }
        };
        let Some(port) = context.ports.lend(self.id) else {
            let why = "no pair of media ports is free: give this recorder more of them";
            self.refuse(id, 503, why.to_owned(), context);
            return;
        };
        let (ringing, now) = (manner.ringing, context.now.mono);
        let answer_at = now + manner.answer_after;
        self.stage = Stage::Waiting(Box::new(Waiting {
            id,
            invite,
            manner,
            answer_at,
            port,
        }));
        if ringing {
            self.respond(id, 180, Content::default(), context);
        }
        if answer_at <= now {
            self.answer(context);
        }
    }

    /// The time to answer has come.
    pub(super) fn answer(&mut self, context: &mut Context<'_>) {
        let Stage::Waiting(waiting) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        let Waiting {
            id,
            invite,
            manner,
            port,
            ..
        } = *waiting;
        let session_id = self.random.u32();
        let mut random = self.random.fork();
        let by_tls = self.caller.is_secure();
        let ours = |codecs, crypto| Local {
            session_id,
            address: context.settings.media_address,
            port,
            codecs,
            telephone_event: true,
            label: None,
            direction: direction(manner.begin),
            rtcp_mux: true,
            crypto,
        };
        let content_type = invite.headers.get("Content-Type");
        let offer = Contents::parse(content_type, &invite.body).sdp;
        let agreed = match offer.map(Description::parse) {
            None => Ok(Agreement::offer(ours(manner.codecs.clone(), Vec::new()))),
            Some(Ok(offer)) => {
                // Keys that came in clear protect nothing (RFC 4568 §8.3).
                let crypto = by_tls.then(|| protection(&manner, &offer, &[], &mut random));
                let ours = ours(pick(&manner, &offer), crypto.unwrap_or_default());
                Agreement::answer(ours, &offer, None).map_err(|error| (488, error.to_string()))
            }
            Some(Err(error)) => Err((400, error.to_string())),
        };
        match agreed {
            Ok(agreement) => {
                let offered = offer
                    .is_none()
                    .then(|| Offered::InAnswer(agreement.clone()));
                self.begin(manner, (port, agreement, offered), context);
                self.take_metadata(&invite, context);
                self.accept(id, context);
            }
            Err((status, why)) => {
                context.ports.give_back(port);
                self.refuse(id, status, why, context);
            }
        }
    }

    fn begin(
        &mut self,
        manner: Manner,
        (port, agreement, offered): (u16, Agreement, Option<Offered>),
        context: &mut Context<'_>,
    ) {
        let now = context.now;
        let steps = manner.steps.iter();
        let steps: VecDeque<_> = steps
            .map(|(after, step)| (now.mono + *after, *step))
            .collect();
        let mut active = Active {
            manner,
            port,
            answered: now.wall,
            agreement,
            offered,
            stream: Stream::default(),
            guard: None,
            reports: Reports::new(self.random.fork(), now.mono),
            documents: Documents::default(),
            steps,
        };
        active.secure();
        self.stage = Stage::Active(Box::new(active));
        context.out.push(Output::Begin {
            recording: self.id,
            name: self.caller.name.clone(),
        });
    }

    /// Says 200.
    fn accept(&mut self, id: RequestId, context: &mut Context<'_>) {
        let Stage::Active(active) = &self.stage else {
            return;
        };
        let description = active.agreement.description();
        let metadata = active.documents.latest();
        let content = match (active.manner.answer, metadata) {
            (Answer::Sdp, _) | (Answer::SdpAndMetadata, None) => sdp(description),
            (Answer::SdpAndMetadata, Some(metadata)) => carrying(Written::both(
                &description,
                metadata,
                MediaType::RsMetadataXml,
                &mut self.random,
            )),
            (Answer::Metadata, Some(metadata)) => carrying(Written::metadata(
                metadata.to_vec(),
                MediaType::RsMetadataXml,
            )),
            (Answer::Metadata, None) | (Answer::Nothing, _) => Content::default(),
            (Answer::Nonsense, _) => sdp(b"This is no session description.\r\n".to_vec()),
        };
        let event = Event::Answered {
            codec: active.agreement.codec().as_ref().map(Codec::to_string),
            suite: active.suite(),
            port: active.port,
            receiving: active.agreement.is_receiving(),
        };
        self.respond(id, 200, content, context);
        self.caller.tell(event, context.out);
        self.tell_facts(context);
    }

    /// Refuses the first INVITE.
    fn refuse(&mut self, id: RequestId, status: u16, why: String, context: &mut Context<'_>) {
        self.respond(id, status, warning(&why), context);
        self.caller
            .tell(Event::Rejected { status, why }, context.out);
    }

    /// Answers a request of the client's.
    pub(super) fn respond(
        &mut self,
        id: RequestId,
        status: u16,
        content: Content,
        context: &mut Context<'_>,
    ) {
        self.act(
            |session, now, told| session.respond(id, status.into(), content, now, told),
            context,
        );
    }
}

/// Why a request is refused (RFC 3261 §20.43).
pub(super) fn warning(why: &str) -> Content {
    let text: String = why
        .chars()
        .map(|c| if matches!(c, '"' | '\\') { '\'' } else { c })
        .collect();
    Content {
        headers: vec![("Warning".to_owned(), format!("399 recorder \"{text}\""))],
        body: None,
    }
}

/// Metadata, or several things, as a message carries them.
pub(super) fn carrying(body: Written) -> Content {
    Content {
        headers: Vec::new(),
        body: Some(Body {
            content_type: body.content_type,
            disposition: body.disposition.map(str::to_owned),
            bytes: body.bytes,
        }),
    }
}
