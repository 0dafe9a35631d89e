//! What the control interface asks, done.

use std::ops::Bound;

use super::{Due, Engine};
use crate::call::Call;
use crate::control::problem::{Problem, Resource};
use crate::control::reply::{Reply, View};
use crate::control::request::{CallFacts, Name, Page, Request};
use crate::control::view::{CallList, RecorderList, RecordingList};
use crate::recording::Recording;
use crate::time::Now;
use crate::turn::{Output, Turn};

impl Engine {
    pub(super) fn on_request(
        &mut self,
        request: Request,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Reply {
        let result = match request {
            Request::CallPut { call, facts } => self.put_call(call, facts, now, out),
            Request::CallDelete { call } => self.delete_call(&call, now, out),
            Request::CallList { page } => Ok(Reply::Ok(View::Calls(self.list_calls(&page)))),
            Request::RecordingList { page } => {
                Ok(Reply::Ok(View::Recordings(self.list_recordings(&page))))
            }
            Request::RecordingGet { recording } => self.get_recording(&recording),
            Request::RecorderList => Ok(Reply::Ok(View::Recorders(self.list_recorders()))),
            Request::RecorderGet { recorder } => self.get_recorder(&recorder),
            Request::Stats => Ok(Reply::Ok(View::Stats(self.stats(now)))),
            Request::Health => Ok(Reply::Ok(View::Health(self.health()))),
            Request::Version => Ok(Reply::Ok(View::Version(self.version()))),
            Request::RecorderTest { .. } => unreachable!("it is answered when it has ended"),
            Request::CallGet { .. }
            | Request::CallPatch { .. }
            | Request::CallPause { .. }
            | Request::CallResume { .. }
            | Request::ParticipantPut { .. }
            | Request::ParticipantPatch { .. }
            | Request::ParticipantDelete { .. }
            | Request::SourcePut { .. }
            | Request::SourceGet { .. }
            | Request::SourceDelete { .. } => self.ask_call(request, now, out),
        };
        result.unwrap_or_else(Reply::Problem)
    }

    fn put_call(
        &mut self,
        id: Name,
        facts: CallFacts,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<Reply, Problem> {
        if let Some(key) = self.names.get(&id).copied() {
            let view = self.with_call(key, now, out, |call, turn| {
                call.set_facts(facts, turn);
                View::Call(call.view(turn.media))
            });
            return view
                .map(Reply::Ok)
                .ok_or_else(|| Problem::not_found(Resource::Call, &id));
        }
        if self.is_closing {
            return Err(Problem::shutting_down());
        }
        if self.names.len() >= self.calls_max {
            return Err(Problem::limit_reached("calls", self.calls_max));
        }
        self.last_key += 1;
        let key = self.last_key;
        let mut turn = Turn {
            now,
            site: &self.site,
            reach: &mut self.reach,
            media: &mut self.media,
            random: &mut self.random,
            last_event: &mut self.last_event,
            out,
        };
        let call = Call::new(key, id.clone(), facts, &mut turn)?;
        let view = call.view(&self.media);
        self.deadlines.set(Due::Call(key), call.deadline());
        self.calls.insert(key, call);
        self.names.insert(id, key);
        Ok(Reply::Created(View::Call(view)))
    }

    fn delete_call(
        &mut self,
        id: &Name,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<Reply, Problem> {
        let key = self.names.remove(id);
        let key = key.ok_or_else(|| Problem::not_found(Resource::Call, id))?;
        self.with_call(key, now, out, |call, turn| call.end("it was stopped", turn));
        Ok(Reply::NoContent)
    }

    /// Whatever a call can answer itself.
    fn ask_call(
        &mut self,
        request: Request,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<Reply, Problem> {
        let id = request.call().expect("these requests name a call").clone();
        let key = self.names.get(&id).copied();
        let answer = key.and_then(|key| {
            self.with_call(key, now, out, |call, turn| {
                call.renew_lease(turn);
                ask(call, request, turn)
            })
        });
        answer.unwrap_or_else(|| Err(Problem::not_found(Resource::Call, &id)))
    }

    fn list_calls(&self, page: &Page) -> CallList {
        let names = after(page.after.as_ref());
        let mut named = self.names.range::<Name, _>(names);
        let calls: Vec<_> = named
            .by_ref()
            .take(page.limit)
            .filter_map(|(_, key)| self.calls.get(key).map(Call::summary))
            .collect();
        let next = named.next().and_then(|_| calls.last());
        CallList {
            next: next.map(|call| call.id.clone()),
            calls,
        }
    }

    fn list_recordings(&self, page: &Page) -> RecordingList {
        let mut all: Vec<_> = self.recordings().collect();
        all.sort_unstable_by_key(|(recording, _)| recording.id());
        let first = match &page.after {
            Some(after) => all.partition_point(|(recording, _)| recording.id() <= after),
            None => 0,
        };
        let rest = &all[first..];
        let recordings: Vec<_> = rest
            .iter()
            .take(page.limit)
            .map(|(recording, call)| recording.view(call.id(), &self.media))
            .collect();
        let next = recordings.last().filter(|_| rest.len() > page.limit);
        RecordingList {
            next: next.map(|recording| recording.id.clone()),
            recordings,
        }
    }

    fn get_recording(&self, id: &Name) -> Result<Reply, Problem> {
        let mut all = self.recordings();
        let (recording, call) = all
            .find(|(recording, _)| recording.id() == id)
            .ok_or_else(|| Problem::not_found(Resource::Recording, id))?;
        let view = recording.view(call.id(), &self.media);
        Ok(Reply::Ok(View::Recording(view)))
    }

    fn list_recorders(&self) -> RecorderList {
        let recorders = self.reach.recorders();
        RecorderList {
            recorders: recorders.map(|recorder| self.recorder(recorder)).collect(),
        }
    }

    fn get_recorder(&self, id: &Name) -> Result<Reply, Problem> {
        let mut all = self.reach.recorders();
        let recorder = all
            .find(|recorder| recorder.id == *id)
            .ok_or_else(|| Problem::not_found(Resource::Recorder, id))?;
        Ok(Reply::Ok(View::Recorder(Box::new(self.recorder(recorder)))))
    }

    /// Every recording that has not ended.
    fn recordings(&self) -> impl Iterator<Item = (&Recording, &Call)> {
        self.calls
            .values()
            .flat_map(|call| call.running().map(move |recording| (recording, call)))
    }
}

/// What one call is asked that stays.
fn ask(call: &mut Call, request: Request, turn: &mut Turn<'_>) -> Result<Reply, Problem> {
    match request {
        Request::CallGet { .. } => {}
        Request::CallPatch { patch, .. } => {
            let mut facts = call.facts().clone();
            patch.apply(&mut facts);
            call.set_facts(facts, turn);
        }
        Request::CallPause { .. } => call.set_paused(true, turn),
        Request::CallResume { .. } => call.set_paused(false, turn),
        Request::ParticipantPut {
            participant, facts, ..
        } => {
            let joined = call.put_participant(&participant, facts, turn)?;
            return participant_reply(call, &participant, joined);
        }
        Request::ParticipantPatch {
            participant, patch, ..
        } => {
            let mut facts = call.participant_facts(&participant)?.clone();
            patch.apply(&mut facts);
            call.put_participant(&participant, facts, turn)?;
            return participant_reply(call, &participant, false);
        }
        Request::ParticipantDelete { participant, .. } => {
            call.remove_participant(&participant, turn)?;
            return Ok(Reply::NoContent);
        }
        Request::SourcePut { source, spec, .. } => {
            let is_new = call.put_source(&source, spec, turn)?;
            let view = View::Source(call.source_view(&source, turn.media)?);
            return Ok(created_if(is_new, view));
        }
        Request::SourceGet { source, .. } => {
            let view = call.source_view(&source, turn.media)?;
            return Ok(Reply::Ok(View::Source(view)));
        }
        Request::SourceDelete { source, .. } => {
            call.remove_source(&source, turn)?;
            return Ok(Reply::NoContent);
        }
        Request::CallPut { .. }
        | Request::CallDelete { .. }
        | Request::CallList { .. }
        | Request::RecordingList { .. }
        | Request::RecordingGet { .. }
        | Request::RecorderList
        | Request::RecorderGet { .. }
        | Request::RecorderTest { .. }
        | Request::Stats
        | Request::Health
        | Request::Version => unreachable!("the engine answers these itself"),
    }
    Ok(Reply::Ok(View::Call(call.view(turn.media))))
}

fn participant_reply(call: &Call, id: &Name, joined: bool) -> Result<Reply, Problem> {
    let view = call
        .participant_view(id)
        .ok_or_else(|| Problem::not_found(Resource::Participant, id))?;
    Ok(created_if(joined, View::Participant(view)))
}

const fn created_if(is_new: bool, view: View) -> Reply {
    if is_new {
        Reply::Created(view)
    } else {
        Reply::Ok(view)
    }
}

/// The names after one, or all of them.
fn after(name: Option<&Name>) -> (Bound<&Name>, Bound<&Name>) {
    (
        name.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}
