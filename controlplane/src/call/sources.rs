//! The participants' audio: where it is sent to, and what has come of it.

use sixreel_dataplane::api::{
    self, AllowedRemote, Cname, Codec, Event, Payload, PayloadMap, SourceStats,
};

use super::Call;
use super::participants::Participant;
use crate::control::problem::{Problem, Resource};
use crate::control::request::{Name, PayloadName, Remote, SourceSpec};
use crate::control::view::{Decimal, EventKind, SourceState, SourceView};
use crate::media::{Media, Stream};
use crate::random::Random;
use crate::turn::{Subject, Turn};

/// Samples a millisecond.
const SAMPLES_PER_MS: u64 = 8;

/// One inbound stream.
#[derive(Debug)]
pub(super) struct Source {
    id: Name,
    spec: SourceSpec,
    stream: Stream,
    state: SourceState,
    stats: SourceStats,
}

impl Source {
    pub(super) const fn stream(&self) -> Stream {
        self.stream
    }

    pub(super) fn view(&self, media: &Media) -> SourceView {
        let local = media.local(self.stream);
        let stats = &self.stats;
        SourceView {
            id: self.id.clone(),
            spec: self.spec.clone(),
            address: local.ip(),
            port: local.port(),
            state: self.state,
            latched: stats.remote,
            packets: stats.packets,
            lost: stats.lost,
            late: stats.late,
            duplicates: stats.duplicates,
            reordered: stats.reordered,
            concealed_ms: stats.concealed_samples / SAMPLES_PER_MS,
            jitter_ms: Decimal {
                thousandths: stats.jitter_us.into(),
            },
            delay_ms: Decimal {
                thousandths: stats.delay_us.into(),
            },
            unauthentic: stats.unauthentic,
            replayed: stats.replayed,
        }
    }
}

impl Call {
    /// Receives a source, or receives it as newly specified. Returns whether it is new.
    pub fn put_source(
        &mut self,
        id: &Name,
        spec: SourceSpec,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Problem> {
        if self.participant(&spec.participant).is_none() {
            return Err(Problem::conflict(
                "participant",
                format!("{} is not in the call", spec.participant),
                "let the participant join first",
            ));
        }
        if self.sources.iter().any(|s| s.id == *id && s.spec == spec) {
            return Ok(false);
        }
        if let Some(srtp) = &spec.srtp
            && self.recordings.iter().any(|r| r.has_key(&srtp.key.key))
        {
            return Err(Problem::conflict(
                "srtp",
                "this key protects a recording of the call".to_owned(),
                "give the source a key of its own",
            ));
        }
        let replaced = self.sources.iter().position(|source| source.id == *id);
        let limit = turn.site.sources_per_call;
        if replaced.is_none() && self.sources.len() >= limit {
            return Err(Problem::limit_reached("sources of a call", limit));
        }
        // The new one first: where there is no port for it, the old one goes on.
        let source = self.open_source(id, spec, turn)?;
        match replaced {
            Some(place) => {
                let old = std::mem::replace(&mut self.sources[place], source);
                turn.media.close_source(old.stream);
            }
            None => self.sources.push(source),
        }
        self.note_keys();
        for recording in &mut self.recordings {
            recording.strengthen(&self.account, turn);
        }
        Ok(replaced.is_none())
    }

    /// Receives a source no longer.
    pub fn remove_source(&mut self, id: &Name, turn: &mut Turn<'_>) -> Result<(), Problem> {
        let place = self.sources.iter().position(|source| source.id == *id);
        let place = place.ok_or_else(|| Problem::not_found(Resource::Source, id))?;
        turn.media.close_source(self.sources.remove(place).stream);
        self.note_keys();
        Ok(())
    }

    /// What is shown of a source.
    pub fn source_view(&self, id: &Name, media: &Media) -> Result<SourceView, Problem> {
        let source = self.sources.iter().find(|source| source.id == *id);
        source
            .map(|source| source.view(media))
            .ok_or_else(|| Problem::not_found(Resource::Source, id))
    }

    pub(super) fn close_sources_of(&mut self, participant: &Name, turn: &mut Turn<'_>) {
        self.sources.retain(|source| {
            let stays = source.spec.participant != *participant;
            if !stays {
                turn.media.close_source(source.stream);
            }
            stays
        });
        self.note_keys();
    }

    pub(super) fn mute_sources_of(&mut self, participant: &Name, muted: bool, turn: &mut Turn<'_>) {
        for source in &self.sources {
            if source.spec.participant == *participant {
                turn.media.mute_source(source.stream, muted);
            }
        }
    }

    /// Takes what the data plane tells of a source.
    pub(super) fn hear_source(&mut self, stream: Stream, event: &Event, turn: &mut Turn<'_>) {
        let mut sources = self.sources.iter_mut();
        let Some(source) = sources.find(|source| source.stream == stream) else {
            return;
        };
        let (state, kind, detail) = match event {
            Event::SourceStats { stats, .. } => {
                source.stats = *stats;
                return;
            }
            Event::SourceLatched { remote, .. } => {
                source.stats.remote = Some(*remote);
                let detail = format!("from {remote}");
                (SourceState::Active, EventKind::SourceHeard, Some(detail))
            }
            Event::SourceHeard { .. } => (SourceState::Active, EventKind::SourceHeard, None),
            Event::SourceSilent { .. } => (SourceState::Silent, EventKind::SourceSilent, None),
            Event::SourceLost { .. } => (SourceState::Lost, EventKind::SourceLost, None),
            Event::SourceUnauthentic { remote, .. } => {
                let detail = format!(
                    "what comes from {remote} is not protected with the source's key: see which \
                     key its sender has"
                );
                (source.state, EventKind::SourceUnauthentic, Some(detail))
            }
            Event::SinkStats { .. } | Event::SinkBye { .. } | Event::Worker { .. } => return,
        };
        source.state = state;
        let subject = Subject {
            call: Some(&self.id),
            source: Some(&source.id),
            ..Subject::default()
        };
        turn.tell(kind, subject, detail);
    }

    /// Tells the recordings which keys are the call's own.
    fn note_keys(&mut self) {
        let secure = self.sources.iter().filter_map(|s| s.spec.srtp.as_ref());
        let keys = secure.map(|srtp| (srtp.suite, srtp.key.key.clone()));
        self.account.keys = keys.collect();
    }

    fn open_source(
        &self,
        id: &Name,
        spec: SourceSpec,
        turn: &mut Turn<'_>,
    ) -> Result<Source, Problem> {
        let stream = turn
            .media
            .open_source(
                self.place,
                self.key,
                receive(&spec, turn.random),
                spec.srtp.as_ref().map(|srtp| (srtp.suite, &srtp.key)),
            )
            .ok_or_else(|| Problem::limit_reached("media ports", turn.media.taken().1))?;
        let participant = self.participant(&spec.participant);
        if participant.is_some_and(Participant::is_held) {
            turn.media.mute_source(stream, true);
        }
        Ok(Source {
            id: id.clone(),
            spec,
            stream,
            state: SourceState::Waiting,
            stats: SourceStats::default(),
        })
    }
}

/// How the data plane is to receive it.
fn receive(spec: &SourceSpec, random: &mut Random) -> api::SourceSpec {
    let mut payloads = PayloadMap::EMPTY;
    for (number, name) in &spec.payload_types {
        payloads.0[usize::from(number.number())] = Some(match name {
            PayloadName::Pcmu => Payload::Audio(Codec::Pcmu),
            PayloadName::Pcma => Payload::Audio(Codec::Pcma),
            PayloadName::ComfortNoise => Payload::ComfortNoise,
            PayloadName::TelephoneEvent => Payload::TelephoneEvent,
        });
    }
    api::SourceSpec {
        payloads,
        remote: match spec.remote {
            None => AllowedRemote::First,
            Some(Remote::Address(address)) => AllowedRemote::Address(address),
            Some(Remote::Exact(address)) => AllowedRemote::Exact(address),
        },
        csrc: random.u32(),
        cname: Cname::new(&random.cname()).expect("a random name is short and printable"),
        jitter_max_ms: spec.jitter_max_ms,
    }
}
