//! What the control interface shows of the whole.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sixreel_dataplane::api::WorkerStats;
use sixreel_dataplane::counters::Drop;

use super::Engine;
use crate::call::Call;
use crate::config::{Profile, RECORDERS_MAX, Setting};
use crate::control::limits;
use crate::control::view::{
    HealthStatus, HealthView, LatenessView, LimitsView, RecorderState, RecorderTlsView,
    RecorderView, RecordingCounts, SettingView, StatsView, VersionView, WorkerView,
};
use crate::locate::Target;
use crate::recorder::Recorder;
use crate::sip::wire;
use crate::time::{Now, Wall};

/// Slots that are later than this, one in a thousand, mean that a worker has too much to do.
const LATE_US: u32 = 10_000;
/// A worker's overload is told at most so often.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The data-plane workers by what they tell of themselves.
#[derive(Debug)]
pub(super) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    core: Option<usize>,
    stats: WorkerStats,
    /// What is wrong with it now.
    trouble: Option<String>,
    told: Option<Instant>,
}

impl Workers {
    pub(super) fn new(count: usize, cores: &[usize]) -> Self {
        let worker = |number: usize| Worker {
            core: cores.get(number).copied(),
            stats: WorkerStats::default(),
            trouble: None,
            told: None,
        };
        Self((0..count).map(worker).collect())
    }

    /// Notes figures; returns what is to be told of them.
    pub(super) fn hear(
        &mut self,
        number: usize,
        stats: WorkerStats,
        now: Instant,
    ) -> Option<String> {
        let worker = self.0.get_mut(number)?;
        worker.trouble = trouble(number, &worker.stats, &stats);
        worker.stats = stats;
        let told_lately = worker.told.is_some_and(|told| now < told + TELL_EVERY);
        let detail = worker.trouble.clone().filter(|_| !told_lately)?;
        worker.told = Some(now);
        Some(detail)
    }

    fn views(&self) -> Vec<WorkerView> {
        self.0.iter().enumerate().map(Worker::view).collect()
    }
}

impl Worker {
    fn view((number, worker): (usize, &Self)) -> WorkerView {
        let stats = &worker.stats;
        let drops = Drop::ALL.iter().map(|reason| reason.label());
        WorkerView {
            worker: number,
            core: worker.core,
            calls: stats.calls,
            sources: stats.sources,
            sinks: stats.sinks,
            frames_used: stats.frames_used,
            packets_in: stats.packets_in,
            packets_out: stats.packets_out,
            drops: drops.zip(stats.drops).collect::<BTreeMap<_, _>>(),
            late_us: LatenessView {
                p50: stats.late_p50_us,
                p99: stats.late_p99_us,
                p999: stats.late_p999_us,
                max: stats.late_max_us,
            },
            slots_skipped: stats.slots_skipped,
            cpu_us: stats.cpu_us,
        }
    }
}

/// What is wrong with a worker that told `now` after `before`.
fn trouble(number: usize, before: &WorkerStats, now: &WorkerStats) -> Option<String> {
    let skipped = now.slots_skipped.saturating_sub(before.slots_skipped);
    if skipped == 0 && now.late_p999_us <= LATE_US {
        return None;
    }
    Some(format!(
        "worker {number} is late: {} ms at the 99.9th percentile and {skipped} slots skipped in \
         the last second: give it a core of its own, or the calls more workers",
        now.late_p999_us / 1000
    ))
}

impl Engine {
    pub(super) fn stats(&self, now: Now) -> StatsView {
        let mut recordings = RecordingCounts::default();
        let (mut participants, mut sources) = (0, 0);
        for call in self.calls.values() {
            add(&mut recordings, call.counts());
            participants += call.size().0 as u64;
            sources += call.size().1 as u64;
        }
        StatsView {
            uptime_s: (now.mono - self.started.mono).as_secs(),
            calls: self.names.len() as u64,
            participants,
            sources,
            recordings,
            established_total: self.totals.established,
            failed_attempts_total: self.totals.failed_attempts,
            ended_total: self.totals.ended,
            last_event_id: self.last_event,
            workers: self.workers.views(),
        }
    }

    pub(super) fn health(&self) -> HealthView {
        let mut problems = Vec::new();
        if self.reach.is_empty() {
            let problem = "no recorder is configured, so nothing is recorded: add [[recorder]]";
            problems.push(problem.to_owned());
        }
        problems.extend(self.tls_trouble.clone());
        for recorder in self.reach.recorders() {
            if recorder.tls.as_ref().is_some_and(|tls| !tls.verify) {
                problems.push(format!(
                    "recorder {}: tls.verify is false, so whoever answers at its address is told \
                     everything: set tls.authorities to whom you believe, and take tls.verify out",
                    recorder.id
                ));
            }
            problems.extend(self.problem(recorder));
        }
        let workers = self.workers.0.iter();
        problems.extend(workers.filter_map(|worker| worker.trouble.clone()));
        HealthView {
            status: if problems.is_empty() {
                HealthStatus::Ok
            } else {
                HealthStatus::Degraded
            },
            problems,
        }
    }

    /// What is wrong with a recorder.
    fn problem(&self, recorder: &Recorder) -> Option<String> {
        let shown = self.reach.shown(recorder.index);
        let (id, fate) = (&recorder.id, shown.fate);
        if let (RecorderState::Degraded | RecorderState::Down, Some(trouble)) =
            (shown.state, shown.trouble)
        {
            let (state, since) = (shown.state.name(), shown.since.rfc3339());
            return Some(format!("recorder {id} is {state} since {since}: {trouble}"));
        }
        let fails = fate.last_failure > fate.last_established;
        fails.then(|| {
            let why = fate.last_error.as_deref().unwrap_or_default();
            format!("recorder {id}: {why}")
        })
    }

    pub(super) fn version(&self) -> VersionView {
        VersionView {
            product: "sixreel",
            version: env!("CARGO_PKG_VERSION"),
            api: 1,
            limits: LimitsView {
                calls: self.calls_max as u32,
                participants_per_call: self.site.participants_per_call as u32,
                sources_per_call: self.site.sources_per_call as u32,
                recorders: RECORDERS_MAX as u32,
                called_parties: limits::CALLED_PARTIES as u32,
                request_head_bytes: limits::HEAD_BYTES as u32,
                request_body_bytes: limits::BODY_BYTES as u32,
                connections: limits::CONNECTIONS as u32,
                response_backlog_bytes: limits::BACKLOG_BYTES as u32,
                events_replayed: limits::EVENTS_REPLAYED as u32,
                sip_message_head_bytes: wire::HEAD_MAX as u32,
                sip_message_body_bytes: wire::BODY_MAX as u32,
            },
        }
    }

    pub(super) fn recorder(&self, recorder: &Recorder) -> RecorderView {
        let mut counts = RecordingCounts::default();
        for recording in self.calls.values().flat_map(Call::running) {
            if recording.recorder().index == recorder.index {
                counts.count(recording.state());
            }
        }
        let mut groups = self.site.groups.iter();
        let group = groups.find(|group| group.members.contains(&recorder.index));
        let shown = self.reach.shown(recorder.index);
        let fate = shown.fate;
        let address = |target: &Target| format!("{} {}", target.protocol.name(), target.remote);
        RecorderView {
            id: recorder.id.clone(),
            uri: recorder.uri.to_string(),
            transport: recorder.transport(),
            tls: recorder.tls.as_ref().map(|tls| RecorderTlsView {
                verify: tls.verify,
                server_name: tls.name.clone(),
            }),
            info: recorder.info.name(),
            profile: recorder.profile.name(),
            settings: recorder.settings.iter().map(setting).collect(),
            codecs: recorder.codecs.clone(),
            srtp: recorder.srtp.name(),
            srtp_suites: recorder.suites.iter().map(|suite| suite.name()).collect(),
            group: group.map(|group| group.name.clone()),
            addresses: shown.targets.iter().map(address).collect(),
            state: shown.state,
            state_since: shown.since.rfc3339(),
            state_reason: shown.trouble.map(str::to_owned),
            recordings: counts,
            last_established: fate.last_established.map(Wall::rfc3339),
            last_failure: fate.last_failure.map(Wall::rfc3339),
            last_error: fate.last_error.clone(),
        }
    }
}

fn setting(setting: &Setting) -> SettingView {
    SettingView {
        name: setting.name,
        value: setting.value.clone(),
        set_by: setting.by.map_or("configuration", Profile::name),
    }
}

fn add(sum: &mut RecordingCounts, more: RecordingCounts) {
    sum.connecting += more.connecting;
    sum.recording += more.recording;
    sum.paused += more.paused;
    sum.retrying += more.retrying;
    sum.failed += more.failed;
    sum.ending += more.ending;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn overload_is_told_when_it_begins_and_not_every_second() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let late = |late_p999_us, slots_skipped| WorkerStats {
            late_p999_us,
            slots_skipped,
            ..WorkerStats::default()
        };
        let mut workers = Workers::new(1, &[3]);
        assert_eq!(workers.hear(0, late(900, 0), at(1)), None);
        let told = workers.hear(0, late(900, 4), at(2)).unwrap();
        assert!(
            told.contains("worker 0") && told.contains("4 slots"),
            "{told}"
        );
        assert_eq!(workers.hear(0, late(50_000, 4), at(3)), None);
        assert!(workers.0[0].trouble.is_some());
        assert_eq!(workers.hear(0, late(900, 4), at(4)), None);
        assert!(workers.0[0].trouble.is_none());
        assert!(workers.hear(0, late(50_000, 4), at(13)).is_some());
        assert_eq!(workers.hear(9, late(0, 0), at(13)), None);
    }
}
