//! Who takes part.

use super::{Call, parties};
use crate::control::problem::{Problem, Resource};
use crate::control::request::{Name, ParticipantFacts, ParticipantState};
use crate::control::view::ParticipantView;
use crate::metadata::{self, Id};
use crate::time::Wall;
use crate::turn::Turn;

/// Participants that a call remembers, for each one that it may have at once: those who left stay
/// in what recorders are told.
const REMEMBERED: usize = 8;

/// Somebody in the call.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) id: Name,
    facts: ParticipantFacts,
    joined: Wall,
    /// Its place among the participants that recorders are told of.
    told_as: usize,
}

impl Participant {
    pub(super) const fn facts(&self) -> &ParticipantFacts {
        &self.facts
    }

    pub(super) fn is_held(&self) -> bool {
        self.facts.state == ParticipantState::Held
    }

    pub(super) fn view(&self) -> ParticipantView {
        ParticipantView {
            id: self.id.clone(),
            facts: self.facts.clone(),
            joined: self.joined.rfc3339(),
        }
    }
}

impl Call {
    /// A participant joins or has new facts. Returns whether it joined. With the first one,
    /// recording begins.
    pub fn put_participant(
        &mut self,
        id: &Name,
        facts: ParticipantFacts,
        turn: &mut Turn<'_>,
    ) -> Result<bool, Problem> {
        let joins = self.participant(id).is_none();
        if joins {
            let limit = turn.site.participants_per_call;
            let remembered = self.account.facts.participants.len();
            if self.participants.len() >= limit || remembered >= REMEMBERED * limit {
                return Err(Problem::limit_reached("participants of a call", limit));
            }
            self.join(id, facts, turn);
        } else {
            self.set_participant(id, facts, turn);
        }
        self.tell_recordings(turn);
        self.start_recordings(turn);
        Ok(joins)
    }

    /// A participant leaves, and its sources with it.
    pub fn remove_participant(&mut self, id: &Name, turn: &mut Turn<'_>) -> Result<(), Problem> {
        let place = self.participants.iter().position(|p| p.id == *id);
        let place = place.ok_or_else(|| Problem::not_found(Resource::Participant, id))?;
        let gone = self.participants.remove(place);
        self.account.facts.participants[gone.told_as].left = Some(turn.now.wall);
        self.close_sources_of(id, turn);
        self.tell_recordings(turn);
        Ok(())
    }

    /// The facts of somebody in the call.
    pub fn participant_facts(&self, id: &Name) -> Result<&ParticipantFacts, Problem> {
        self.participant(id)
            .map(Participant::facts)
            .ok_or_else(|| Problem::not_found(Resource::Participant, id))
    }

    /// What is shown of somebody in the call.
    pub fn participant_view(&self, id: &Name) -> Option<ParticipantView> {
        self.participant(id).map(Participant::view)
    }

    pub(super) fn participant(&self, id: &Name) -> Option<&Participant> {
        self.participants.iter().find(|p| p.id == *id)
    }

    fn join(&mut self, id: &Name, facts: ParticipantFacts, turn: &mut Turn<'_>) {
        let now = turn.now.wall;
        let takes_part = facts.state == ParticipantState::Active;
        let told = metadata::ParticipantFacts {
            id: Id(turn.random.uuid()),
            aor: parties::aor(&facts, &turn.site.domain),
            name: facts.name.clone(),
            joined: now,
            left: None,
            sends: takes_part,
            receives: takes_part,
            media_since: now,
        };
        self.account.facts.participants.push(told);
        self.participants.push(Participant {
            id: id.clone(),
            facts,
            joined: now,
            told_as: self.account.facts.participants.len() - 1,
        });
    }

    fn set_participant(&mut self, id: &Name, facts: ParticipantFacts, turn: &mut Turn<'_>) {
        let mut participants = self.participants.iter_mut();
        let Some(participant) = participants.find(|p| p.id == *id) else {
            return;
        };
        let told = &mut self.account.facts.participants[participant.told_as];
        told.aor = parties::aor(&facts, &turn.site.domain);
        told.name.clone_from(&facts.name);
        let takes_part = facts.state == ParticipantState::Active;
        if told.sends != takes_part {
            told.sends = takes_part;
            told.receives = takes_part;
            told.media_since = turn.now.wall;
        }
        participant.facts = facts;
        self.mute_sources_of(id, !takes_part, turn);
    }
}
