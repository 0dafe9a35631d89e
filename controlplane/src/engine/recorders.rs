//! What is learnt about recorders, and which calls have to know.

use std::time::Duration;

use super::{Due, Engine};
use crate::control::view::{EventKind, RecorderState};
use crate::reach::Change;
use crate::time::Now;
use crate::turn::Output;

/// The pause between two INVITEs to a recorder that has come back.
const SPREAD_EACH: Duration = Duration::from_millis(20);
/// The time in which all of them are sent, however many they are.
const SPREAD_MAX: Duration = Duration::from_secs(10);

impl Engine {
    /// Tells what has changed at recorders, and notes when they are due.
    pub(super) fn on_changes(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(change) = self.reach.pop_change() {
            match change {
                Change::Located(recorder) => self.hurry(recorder, false, now, out),
                Change::State { recorder, before } => {
                    let state = self.tell_state(recorder, now, out);
                    if before == RecorderState::Down {
                        self.hurry(recorder, true, now, out);
                    } else if state == RecorderState::Down {
                        self.settle_all(now, out);
                    }
                }
            }
        }
        for index in self.reach.take_touched() {
            let deadline = self.reach.deadline(index);
            self.deadlines.set(Due::Recorder(index), deadline);
        }
    }

    fn tell_state(&mut self, recorder: usize, now: Now, out: &mut Vec<Output>) -> RecorderState {
        let shown = self.reach.shown(recorder);
        let state = shown.state;
        let trouble = shown.trouble.map(str::to_owned);
        let (kind, detail) = match state {
            RecorderState::Up => (EventKind::RecorderUp, "it answers".to_owned()),
            RecorderState::Degraded => (EventKind::RecorderDegraded, trouble.unwrap_or_default()),
            RecorderState::Down => (EventKind::RecorderDown, trouble.unwrap_or_default()),
        };
        let id = self.reach.recorder(recorder).id.clone();
        self.tell(kind, Some(&id), detail, now, out);
        state
    }

    /// A recorder is back, or its address has become known: whatever waits for it is done, not all
    /// at the same moment.
    fn hurry(&mut self, recorder: usize, verifies: bool, now: Now, out: &mut Vec<Output>) {
        let waiting = self.calls.values().map(|call| call.waiting_for(recorder));
        let others = waiting.sum::<usize>().saturating_sub(1);
        let spread = SPREAD_EACH.saturating_mul(others as u32).min(SPREAD_MAX);
        let keys: Vec<_> = self.calls.keys().copied().collect();
        for key in keys {
            self.with_call(key, now, out, |call, turn| {
                call.recorder_is_back(recorder, spread, verifies, turn);
            });
        }
    }

    /// A recorder is down: standbys may have to take over.
    fn settle_all(&mut self, now: Now, out: &mut Vec<Output>) {
        let keys: Vec<_> = self.calls.keys().copied().collect();
        for key in keys {
            self.with_call(key, now, out, |_, _| ());
        }
    }
}
