//! The stream: packets in, sound and reports out.

use std::net::SocketAddr;

use sixreel_dataplane::srtp::Kind;
use sixreel_dataplane::wire::is_rtcp;

use super::{Active, Context, Recording, Stage};
use crate::engine::Output;
use crate::event::Event;
use crate::stream::guard::Guard;
use crate::stream::{Sound, Terms};

impl Recording {
    /// A datagram came to one of its ports.
    pub(crate) fn media(
        &mut self,
        (port, from, data): (u16, SocketAddr, &[u8]),
        context: &mut Context<'_>,
    ) {
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        let now = context.now;
        let rtcp = port != active.port || is_rtcp(data);
        let mut opened = None;
        if let Some(guard) = &mut active.guard {
            let kind = if rtcp { Kind::Rtcp } else { Kind::Rtp };
            opened = guard.open(kind, data);
            if opened.is_none() {
                return;
            }
        }
        let data = opened.as_deref().unwrap_or(data);
        if rtcp {
            if active.knows(from) {
                active.reports.receive(data, from, now.mono);
            }
            return;
        }
        let offered = active.offered.as_ref();
        let terms = Terms {
            expected: active.agreement.remote(),
            formats: active.agreement.formats(),
            receiving: active.agreement.is_receiving()
                || offered.is_some_and(super::offers::Offered::wants_packets),
        };
        let mut sounds = Vec::new();
        let first = active.stream.receive(data, from, terms, now, &mut sounds);
        self.play(sounds, context);
        if let Some(ssrc) = first {
            self.on_first_packet(Event::Heard { from, ssrc }, context);
        }
    }

    /// Tells what is heard.
    pub(super) fn play(&self, sounds: Vec<Sound>, context: &mut Context<'_>) {
        let recording = self.id;
        context
            .out
            .extend(sounds.into_iter().map(|sound| match sound {
                Sound::Silence(samples) => Output::Silence { recording, samples },
                Sound::Samples(samples) => Output::Samples { recording, samples },
            }));
    }

    /// Reports to the client, if that is due.
    pub(super) fn report(&mut self, context: &mut Context<'_>) {
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        if active.reports.deadline() <= context.now.mono {
            active.send_report(false, context);
            self.tell_facts(context);
        }
    }

    fn on_first_packet(&mut self, event: Event, context: &mut Context<'_>) {
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        active.reports.begin(context.now.mono);
        self.caller.tell(event, context.out);
        self.tell_facts(context);
    }
}

impl Active {
    /// Sends a report to where the client's come from, or else where it wants them.
    pub(super) fn send_report(&mut self, bye: bool, context: &mut Context<'_>) {
        let Some((announced, mux)) = self.agreement.rtcp() else {
            self.reports.skip(context.now.mono);
            return;
        };
        let block = self.stream.report();
        let bytes = self.reports.write(block, bye, context.now.mono);
        let sealed = match &mut self.guard {
            Some(guard) => guard.seal(bytes),
            None => Some(bytes),
        };
        let Some(bytes) = sealed else {
            return;
        };
        context.out.push(Output::Media {
            port: self.port + u16::from(!mux),
            to: self.reports.remote().unwrap_or(announced),
            bytes,
        });
    }

    /// Takes the keys into use that were agreed on.
    pub(super) fn secure(&mut self) {
        let ssrc = self.reports.ssrc();
        match (self.agreement.secured(), &mut self.guard) {
            (Some(secured), Some(guard)) => guard.adopt(secured, ssrc),
            (Some(secured), None) => self.guard = Some(Guard::new(secured, ssrc)),
            // On hold nothing is agreed on; what was, is not forgotten.
            (None, _) => {}
        }
    }

    /// The suite in use.
    pub(super) fn suite(&self) -> Option<String> {
        let guard = self.guard.as_ref();
        guard.map(|guard| guard.suite().to_string())
    }

    /// Whether somebody belongs to the client, as far as addresses tell.
    fn knows(&self, from: SocketAddr) -> bool {
        let rtcp = self.agreement.rtcp().map(|(remote, _)| remote);
        let known = [self.agreement.remote(), rtcp, self.stream.from()];
        known
            .into_iter()
            .flatten()
            .any(|known| known.ip() == from.ip())
    }
}
