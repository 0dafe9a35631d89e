//! What a recorder does by itself, and when.

use std::time::Instant;

use sixreel_controlplane::metadata::{Body as Written, MediaType, snapshot_request};

use super::answering::carrying;
use super::{Active, Context, Recording, Stage};
use crate::behaviour::Step;

impl Recording {
    /// Does what is due.
    pub(super) fn step(&mut self, context: &mut Context<'_>) {
        while let Stage::Active(active) = &mut self.stage
            && active.next_step().is_some_and(|at| at <= context.now.mono)
            && let Some((_, step)) = active.steps.pop_front()
        {
            match step {
                Step::Want(wish) => self.propose(wish, context),
                Step::Snapshot => self.ask_for_snapshot(context),
                Step::Bye => self.hang_up(context),
            }
        }
    }

    fn ask_for_snapshot(&mut self, context: &mut Context<'_>) {
        // RFC 7866 §9.2: in an UPDATE, and in nothing else.
        let request = snapshot_request(Some("this recorder is told to"));
        let content = carrying(Written::metadata(request, MediaType::RsMetadataXml));
        self.act(
            |session, now, told| session.update(content, now, told),
            context,
        );
    }
}

impl Active {
    /// When it wants to be called.
    pub(super) fn deadline(&self) -> Instant {
        let report = self.reports.deadline();
        self.next_step().map_or(report, |step| step.min(report))
    }

    /// When the next step is due; one offer waits for the other.
    fn next_step(&self) -> Option<Instant> {
        let (at, step) = self.steps.front()?;
        let blocked = matches!(step, Step::Want(_)) && self.offered.is_some();
        (!blocked).then_some(*at)
    }
}
