//! OPTIONS at regular times: is the recorder there?

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Means;
use crate::control::view::RecorderState;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::sip::flow::Flow;
use crate::sip::local::{Local, of_family};
use crate::sip::output;
use crate::sip::probe::{Outcome, Probe};
use crate::turn::Output;

/// How long a recorder may take to answer, by all its ways together.
const PATIENCE: Duration = Duration::from_secs(4);
/// The least that one way gets of it.
const SHARE_MIN: Duration = Duration::from_secs(1);
/// Ways that are tried.
const WAYS_MAX: usize = 4;
/// How often a recorder in trouble is pinged, and one that is down.
const TROUBLED_EVERY: Duration = Duration::from_secs(2);
const DOWN_EVERY: Duration = Duration::from_secs(5);

/// One ping: by one way after the other, until something answers.
#[derive(Debug)]
pub(super) struct Ping {
    probe: Probe,
    rest: VecDeque<Flow>,
    share: Duration,
}

impl Ping {
    /// Begins to ask by the first of `ways`; none where there is none.
    pub(super) fn start(
        recorder: &Recorder,
        ways: Vec<Flow>,
        ours: &[Arc<Local>],
        means: &mut Means<'_>,
    ) -> Option<Self> {
        let mut rest: VecDeque<_> = ways.into_iter().take(WAYS_MAX).collect();
        let share = PATIENCE / u32::try_from(rest.len()).ok().filter(|ways| *ways > 0)?;
        let share = share.max(SHARE_MIN);
        let probe = ask(recorder, rest.pop_front()?, ours, share, means);
        Some(Self { probe, rest, share })
    }

    /// What asks now.
    pub(super) const fn probe(&mut self) -> &mut Probe {
        &mut self.probe
    }

    /// Asks by the next way; `false` where there is no other.
    pub(super) fn go_on(
        &mut self,
        recorder: &Recorder,
        ours: &[Arc<Local>],
        means: &mut Means<'_>,
    ) -> bool {
        let Some(way) = self.rest.pop_front() else {
            return false;
        };
        self.probe = ask(recorder, way, ours, self.share, means);
        true
    }

    pub(super) fn deadline(&self) -> Instant {
        self.probe.deadline()
    }

    /// Whether another way leads to the address that was asked last.
    pub(super) fn has_more_for(&self, flow: Flow) -> bool {
        self.rest.iter().any(|way| way.remote == flow.remote)
    }
}

/// The pause until the next ping: never the same for two recorders, or twice.
pub(super) fn pause(every: Duration, state: RecorderState, random: &mut Random) -> Duration {
    let pause = match state {
        RecorderState::Up => every,
        RecorderState::Degraded => every.min(TROUBLED_EVERY),
        RecorderState::Down => every.min(DOWN_EVERY),
    };
    pause * (90 + random.below(21) as u32) / 100
}

/// What an outcome says of a recorder: an answer that is as good as none is told as a sentence.
pub(super) fn verdict(outcome: &Outcome, flow: Flow) -> Result<(), String> {
    match outcome {
        Outcome::Answered(status) => match status.code() {
            code @ (408 | 500 | 502..=504) => Err(format!("it answers OPTIONS with {code}")),
            _ => Ok(()),
        },
        Outcome::Failed(output::Failure::Timeout) => {
            Err(format!("{} does not answer OPTIONS", flow.remote))
        }
        Outcome::Failed(output::Failure::Unreachable) => {
            Err(format!("{} cannot be reached", flow.remote))
        }
    }
}

fn ask(
    recorder: &Recorder,
    way: Flow,
    ours: &[Arc<Local>],
    share: Duration,
    means: &mut Means<'_>,
) -> Probe {
    // Calls have numbers from 1 on.
    let call_id = format!("0-{}-{}", recorder.index, means.random.token(32));
    let mut outputs = Vec::new();
    let probe = Probe::start(
        of_family(ours, way.remote),
        (&recorder.uri, way),
        call_id,
        share,
        means.random,
        means.now.mono,
        &mut outputs,
    );
    transmit(outputs, means.out);
    probe
}

/// Sends what a probe wants sent.
pub(super) fn transmit(outputs: Vec<output::Output>, out: &mut Vec<Output>) {
    for output in outputs {
        if let output::Output::Transmit { flow, bytes } = output {
            out.push(Output::Transmit { flow, bytes });
        }
    }
}
