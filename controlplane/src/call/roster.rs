//! Which members of a group of recorders record a call.

use super::Call;
use crate::group::Group;
use crate::recording::{Gap, Recording};
use crate::turn::Turn;

/// Where a member stands, as its group sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It records, or has refused to on purpose: nobody stands in for it.
    Holding,
    /// It is being invited.
    Trying,
    /// It should record, and does not: it is down, or has failed and is due for another attempt.
    Broken,
    /// It has nothing to do with the call.
    Idle,
    /// As that, and it could not take over.
    Down,
    /// It is being told that the call is over.
    Leaving,
}

/// What is to be done in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Plan {
    start: Vec<usize>,
    dismiss: Vec<usize>,
}

/// Standbys are started for members that do not record, and those are dismissed once enough others
/// do. `order` are the members as the call takes them.
fn plan(order: &[(usize, Standing)], count: usize) -> Plan {
    let of = |wanted: &[Standing]| -> Vec<usize> {
        let members = order
            .iter()
            .filter(|(_, standing)| wanted.contains(standing));
        members.map(|(member, _)| *member).collect()
    };
    let holding = of(&[Standing::Holding]);
    if holding.len() >= count {
        let mut dismiss = of(&[Standing::Trying, Standing::Broken]);
        dismiss.extend(&holding[count..]);
        return Plan {
            start: Vec::new(),
            dismiss,
        };
    }
    let trying = holding.len() + of(&[Standing::Trying]).len();
    let mut start = of(&[Standing::Idle]);
    start.truncate(count.saturating_sub(trying));
    // Where too few work, as many as are wanted wait until they do.
    let live = trying + of(&[Standing::Broken]).len() + start.len();
    let waiting = of(&[Standing::Down]);
    start.extend(waiting.into_iter().take(count.saturating_sub(live)));
    Plan {
        start,
        dismiss: Vec::new(),
    }
}

impl Call {
    /// Recording begins when the call has its first participant.
    pub(super) fn start_recordings(&mut self, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.is_recorded, true) {
            return;
        }
        let groups = &turn.site.groups;
        let in_group = |index: &usize| groups.iter().any(|group| group.members.contains(index));
        let alone: Vec<_> = (0..turn.reach.len())
            .filter(|index| !in_group(index))
            .collect();
        for index in alone {
            self.start_recording(index, None, turn);
        }
        self.settle(turn);
    }

    /// Lets standbys take over where that is needed.
    pub fn settle(&mut self, turn: &mut Turn<'_>) {
        if !self.is_recorded || self.is_over {
            return;
        }
        for group in &turn.site.groups {
            self.settle_group(group, turn);
        }
    }

    fn settle_group(&mut self, group: &Group, turn: &mut Turn<'_>) {
        let order = group.order(self.key).into_iter();
        let order: Vec<_> = order
            .map(|member| (member, self.standing(member, turn)))
            .collect();
        let plan = plan(&order, group.count);
        let mut gaps = self.gaps_of(&group.members, turn);
        for member in plan.start {
            let gap = (!gaps.is_empty()).then(|| gaps.remove(0));
            self.start_recording(member, gap, turn);
        }
        if plan.dismiss.is_empty() {
            return;
        }
        let holding = order.iter().find(|(member, standing)| {
            *standing == Standing::Holding && !plan.dismiss.contains(member)
        });
        let (by, _) = *holding.expect("others are dismissed where enough hold the call");
        let by = turn.reach.recorder(by).id.clone();
        let account = &self.account;
        for recording in &mut self.recordings {
            let index = recording.recorder().index;
            if plan.dismiss.contains(&index) && !recording.is_ended() {
                recording.dismiss(&by, account, turn);
            }
        }
    }

    fn standing(&self, member: usize, turn: &Turn<'_>) -> Standing {
        let is_usable = turn.reach.is_usable(member);
        match self.recording_at(member) {
            Some(recording) if recording.is_declined() => Standing::Holding,
            Some(recording) if recording.is_active() && is_usable => Standing::Holding,
            Some(recording) if recording.is_connecting() => Standing::Trying,
            Some(recording) if recording.is_leaving() => Standing::Leaving,
            Some(recording) if !recording.is_ended() => Standing::Broken,
            Some(_) | None if is_usable => Standing::Idle,
            Some(_) | None => Standing::Down,
        }
    }

    /// What the members lack that should record and do not.
    fn gaps_of(&self, members: &[usize], turn: &Turn<'_>) -> Vec<Gap> {
        let recordings = members
            .iter()
            .filter_map(|member| self.recording_at(*member));
        let gaps = recordings.filter_map(|recording| {
            let recorder = recording.recorder();
            let gap = match recording.gap() {
                Some(gap) => gap.clone(),
                // It believes that it records, and is down.
                None if recording.is_active() && !turn.reach.is_usable(recorder.index) => {
                    let (from, why) = turn.reach.trouble(recorder.index)?;
                    Gap::new(from, &format!("the recorder is down: {why}"))
                }
                None => return None,
            };
            let reason = format!("recorder {}: {}", recorder.id, gap.reason);
            Some(Gap::new(gap.from, &reason))
        });
        gaps.collect()
    }

    fn start_recording(&mut self, index: usize, gap: Option<Gap>, turn: &mut Turn<'_>) {
        let place = self
            .recordings
            .binary_search_by_key(&index, |recording| recording.recorder().index);
        match place {
            Ok(place) => self.recordings[place].restart(gap, &self.account, turn),
            Err(place) => {
                let recorder = turn.reach.recorder(index).clone();
                let recording = Recording::start(&recorder, gap, &self.account, turn);
                self.recordings.insert(place, recording);
            }
        }
    }

    fn recording_at(&self, recorder: usize) -> Option<&Recording> {
        let mut recordings = self.recordings.iter();
        recordings.find(|recording| recording.recorder().index == recorder)
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Broken, Down, Holding, Idle, Leaving, Trying};
    use super::*;

    fn planned(standings: &[Standing], count: usize) -> (Vec<usize>, Vec<usize>) {
        let order: Vec<_> = standings.iter().copied().enumerate().collect();
        let plan = plan(&order, count);
        (plan.start, plan.dismiss)
    }

    #[test]
    fn the_first_that_work_are_taken() {
        assert_eq!(planned(&[Idle, Idle, Idle], 1), (vec![0], vec![]));
        assert_eq!(planned(&[Down, Idle, Idle], 2), (vec![1, 2], vec![]));
        assert_eq!(planned(&[Down, Idle, Down], 2), (vec![1, 0], vec![]));
        assert_eq!(planned(&[Down, Down, Down], 1), (vec![0], vec![]));
        assert_eq!(planned(&[Leaving, Idle], 1), (vec![1], vec![]));
    }

    #[test]
    fn nobody_is_started_while_somebody_is_invited() {
        assert_eq!(planned(&[Trying, Idle], 1), (vec![], vec![]));
        assert_eq!(planned(&[Holding, Trying, Idle], 2), (vec![], vec![]));
    }

    #[test]
    fn a_standby_takes_over_from_what_is_broken() {
        assert_eq!(planned(&[Broken, Idle, Idle], 1), (vec![1], vec![]));
        assert_eq!(planned(&[Broken, Broken, Idle], 1), (vec![2], vec![]));
        assert_eq!(planned(&[Broken, Holding, Idle], 2), (vec![2], vec![]));
        assert_eq!(planned(&[Broken, Down], 1), (vec![], vec![]));
    }

    #[test]
    fn once_enough_record_the_others_are_dismissed() {
        assert_eq!(planned(&[Broken, Holding, Trying], 1), (vec![], vec![0, 2]));
        assert_eq!(planned(&[Holding, Holding, Idle], 1), (vec![], vec![1]));
        assert_eq!(planned(&[Holding, Holding, Broken], 2), (vec![], vec![2]));
    }
}
