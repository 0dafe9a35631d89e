//! Trials: who asks, and what comes to them. A recorder has one at a time.

use super::{Due, Engine, transmit};
use crate::control::problem::{Problem, Resource};
use crate::control::reply::{Reply, Ticket, View};
use crate::control::request::Name;
use crate::locate::Target;
use crate::reach::Nowhere;
use crate::sip::flow::Flow;
use crate::sip::message::Response;
use crate::time::Now;
use crate::tls::Session;
use crate::trial::Trial;
use crate::turn::Output;

impl Engine {
    /// Begins to find out what works with a recorder.
    pub(super) fn try_recorder(
        &mut self,
        ticket: Ticket,
        id: &Name,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let found = {
            let mut all = self.reach.recorders();
            all.find(|recorder| recorder.id == *id).cloned()
        };
        let problem = match &found {
            None => Some(Problem::not_found(Resource::Recorder, id)),
            Some(recorder) if self.trials.contains_key(&recorder.index) => {
                let detail = format!("a test of {id} is under way");
                Some(Problem::conflict(
                    "recorder",
                    detail,
                    "ask again when it has ended, in 8 s",
                ))
            }
            Some(_) => None,
        };
        if let Some(problem) = problem {
            let reply = Reply::Problem(problem);
            out.push(Output::Reply { ticket, reply });
            return;
        }
        let Some(recorder) = found else {
            return;
        };
        let index = recorder.index;
        let call_id = format!("test-{index}-{}", self.random.token(32));
        let trial = Trial::new(ticket, &recorder, call_id, now);
        self.trials.insert(index, trial);
        if let Some(query) = self.reach.query(index) {
            out.push(Output::Resolve {
                recorder: index,
                query,
            });
            self.note_trial(index, false, out);
        } else {
            self.on_trial_resolved(index, None, now, out);
        }
    }

    /// A recorder's address was looked up, unless that `failed`.
    pub(super) fn on_trial_resolved(
        &mut self,
        index: usize,
        failed: Option<String>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(trial) = self.trials.get_mut(&index) else {
            return;
        };
        let found = match failed {
            Some(why) => Err(why),
            None => first(self.reach.targets(index, now, &mut self.random)),
        };
        let (mut asked, ours) = (Vec::new(), &self.site.sip);
        let is_over = trial.on_resolved(found, ours, &mut self.random, now, &mut asked);
        transmit(asked, out);
        self.note_trial(index, is_over, out);
    }

    /// What TLS shows of a connection of a test.
    pub(super) fn on_secured(&mut self, flow: Flow, session: &Session) {
        if let Some(trial) = self.trial_by(flow) {
            trial.on_secured(session);
        }
    }

    /// Why a flow is of no use.
    pub(super) fn on_trouble(&mut self, flow: Flow, why: String) {
        match self.trial_by(flow) {
            Some(trial) => trial.on_trouble(why),
            None => self.reach.begin_fault(flow, why),
        }
    }

    /// Nobody is reached by a flow.
    pub(super) fn on_trial_unreachable(&mut self, flow: Flow, out: &mut Vec<Output>) {
        let asking: Vec<_> = self
            .trials
            .iter_mut()
            .filter(|(_, trial)| trial.asks_by(flow))
            .map(|(index, trial)| {
                trial.on_unreachable();
                *index
            })
            .collect();
        for index in asking {
            self.note_trial(index, true, out);
        }
    }

    /// A response that belongs to no call.
    pub(super) fn on_trial_response(
        &mut self,
        response: &Response,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let call_id = response.headers.get("Call-ID").unwrap_or_default();
        let mut trials = self.trials.iter_mut();
        let Some((index, trial)) = trials.find(|(_, trial)| trial.call_id == call_id) else {
            return;
        };
        let (index, is_over) = (*index, trial.on_response(response, now));
        self.note_trial(index, is_over, out);
    }

    /// Does what is due in a test.
    pub(super) fn on_trial_deadline(&mut self, index: usize, now: Now, out: &mut Vec<Output>) {
        let Some(trial) = self.trials.get_mut(&index) else {
            return;
        };
        let mut asked = Vec::new();
        let is_over = trial.on_deadline(now, &mut asked);
        transmit(asked, out);
        self.note_trial(index, is_over, out);
    }

    /// Answers where it is over; notes when it is due otherwise.
    fn note_trial(&mut self, index: usize, is_over: bool, out: &mut Vec<Output>) {
        if !is_over {
            let due = self.trials.get(&index).map(Trial::deadline);
            self.deadlines.set(Due::Trial(index), due);
            return;
        }
        self.deadlines.set(Due::Trial(index), None);
        if let Some(trial) = self.trials.remove(&index) {
            let close = |flow| Output::Close { flow };
            out.extend(trial.own_flow().map(close));
            out.push(Output::Reply {
                ticket: trial.ticket,
                reply: Reply::Ok(View::Trial(trial.view())),
            });
        }
    }

    fn trial_by(&mut self, flow: Flow) -> Option<&mut Trial> {
        let mut trials = self.trials.values_mut();
        trials.find(|trial| trial.asks_by(flow))
    }
}

/// The best address of a recorder, or a sentence.
fn first(targets: Result<Vec<Target>, Nowhere>) -> Result<Target, String> {
    match targets {
        Ok(targets) => Ok(*targets
            .first()
            .expect("there is one where there is no error")),
        Err(Nowhere::Asked(why) | Nowhere::Unknown(why)) => Err(why),
        Err(Nowhere::LeftAlone(pause)) => Err(format!(
            "every server of the recorder asked to be left alone (503 with Retry-After), for {} s \
             still",
            pause.as_secs()
        )),
    }
}
