//! How a recording ends, and what is told of it.

use sixreel_controlplane::sdp::Codec;
use sixreel_controlplane::sip::content::Content;
use sixreel_controlplane::sip::output::End;

use super::{Active, Context, Recording, Stage};
use crate::engine::Output;
use crate::event::Event;
use crate::facts::{CallFacts, EndFacts, Facts, ParticipantFacts, RtcpFacts, SessionFacts};

impl Recording {
    /// The recorder is to stop.
    pub(crate) fn stop(&mut self, context: &mut Context<'_>) {
        match &self.stage {
            Stage::New(_) | Stage::Waiting(_) => self.end_session(context),
            Stage::Active(_) => self.hang_up(context),
            Stage::Over => {}
        }
    }

    /// Ends it by BYE.
    pub(super) fn hang_up(&mut self, context: &mut Context<'_>) {
        if let Stage::Active(active) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.finish(*active, EndFacts::Recorder, context);
            self.end_session(context);
        }
    }

    /// The session has ended.
    pub(super) fn on_ended(&mut self, by: End, context: &mut Context<'_>) {
        self.ended = true;
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Active(active) => self.finish(*active, by.into(), context),
            Stage::Waiting(waiting) => {
                context.ports.give_back(waiting.port);
                self.caller.tell(Event::Cancelled, context.out);
            }
            Stage::New(_) => {
                if let End::Invalid { status } = by {
                    let (status, why) = (status.code(), "its INVITE is wrong".to_owned());
                    self.caller
                        .tell(Event::Rejected { status, why }, context.out);
                }
            }
            Stage::Over => {}
        }
    }

    /// Tells everything that is known of it.
    pub(super) fn tell_facts(&self, context: &mut Context<'_>) {
        if let Stage::Active(active) = &self.stage {
            let facts = Box::new(self.facts(active));
            let recording = self.id;
            context.out.push(Output::Facts { recording, facts });
        }
    }

    fn end_session(&mut self, context: &mut Context<'_>) {
        self.act(
            |session, now, told| session.end(Content::default(), now, told),
            context,
        );
    }

    fn finish(&self, mut active: Active, end: EndFacts, context: &mut Context<'_>) {
        let mut sounds = Vec::new();
        active.stream.finish(&mut sounds);
        self.play(sounds, context);
        active.send_report(true, context);
        context.ports.give_back(active.port);
        let facts = Box::new(Facts {
            ended: Some(context.now.wall.rfc3339()),
            end: Some(end.clone()),
            ..self.facts(&active)
        });
        let event = Event::Ended {
            end,
            duration_ms: facts.media.duration_ms,
            packets: facts.media.packets,
            lost: facts.media.lost,
        };
        let recording = self.id;
        context.out.push(Output::Facts { recording, facts });
        context.out.push(Output::End { recording });
        self.caller.tell(event, context.out);
    }

    fn facts(&self, active: &Active) -> Facts {
        let (caller, reports) = (&self.caller, &active.reports);
        let known = active.documents.known();
        let guard = active.guard.as_ref().map(|guard| guard.counts);
        let guard = guard.unwrap_or_default();
        Facts {
            sip_call_id: self.session.call_id().to_owned(),
            transport: caller.transport(),
            remote: caller.flow.remote,
            user_agent: caller.user_agent.clone(),
            call: CallFacts::from(&caller.info),
            sessions: SessionFacts::of(known),
            participants: ParticipantFacts::of(known),
            metadata: active.documents.facts().clone(),
            findings: caller.findings.clone(),
            codec: active.agreement.codec().as_ref().map(Codec::to_string),
            suite: active.suite(),
            unauthentic: guard.unauthentic,
            replayed: guard.replayed,
            receiving: active.agreement.is_receiving(),
            invited: caller.invited.rfc3339(),
            answered: active.answered.rfc3339(),
            ended: None,
            end: None,
            media: active.stream.facts(),
            rtcp: RtcpFacts {
                reports_received: reports.received,
                reports_sent: reports.sent,
                sender_packets: reports.sender.map(|sender| sender.packets),
                cname: reports.cname_heard.clone(),
            },
        }
    }
}
