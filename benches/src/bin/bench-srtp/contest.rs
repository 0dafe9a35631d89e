//! What is measured, and what comes of it.

use nix::time::{ClockId, clock_gettime};
use serde_json::json;
use sixreel_dataplane::srtp::Suite;

/// Packets that lie side by side: as many as one worker sends in a slot.
pub(crate) const WINDOW: usize = 2_048;

/// Packets to be protected in one round, at least.
const ROUND: usize = 100_000;

/// One question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) suite: Suite,
    /// Bytes of an RTP packet.
    pub(crate) len: usize,
    pub(crate) sessions: u32,
}

/// Somebody who answers it.
pub(crate) struct Contender {
    name: &'static str,
    /// Protects the packet of this sequence number of each session.
    tick: Box<dyn FnMut(u16)>,
    sequence: u16,
    rounds: Vec<f64>,
}

/// Who it was and what it took: nanoseconds a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) ns: f64,
}

impl Case {
    /// Key and salt of a session; all differ.
    pub(crate) fn key(&self, session: u32) -> Vec<u8> {
        let len = self.suite.key_len() + self.suite.salt_len();
        let mut state = u64::from(session) + 1;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 40) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    /// Writes the header of a session's packet.
    pub(crate) fn write(&self, packet: &mut [u8], session: u32, sequence: u16) {
        packet[..2].copy_from_slice(&[0x80, 0]);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        packet[8..12].copy_from_slice(&session.to_be_bytes());
    }
}

impl Contender {
    pub(crate) fn new(name: &'static str, tick: impl FnMut(u16) + 'static) -> Self {
        Self {
            name,
            tick: Box::new(tick),
            sequence: 0,
            rounds: Vec::new(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The median of its rounds.
    pub(crate) fn result(&self) -> Outcome {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        Outcome {
            name: self.name,
            ns: rounds[rounds.len() / 2],
        }
    }

    fn round(&mut self, sessions: usize) -> f64 {
        let ticks = ROUND.div_ceil(sessions);
        let start = cpu_ns();
        for _ in 0..ticks {
            (self.tick)(self.sequence);
            self.sequence = self.sequence.wrapping_add(1);
        }
        (cpu_ns() - start) / (ticks * sessions) as f64
    }
}

/// Lets contenders take turns; the first round of each only warms up.
pub(crate) fn run<'c>(
    case: &Case,
    rounds: usize,
    contenders: impl Iterator<Item = &'c mut Contender>,
) {
    let mut contenders: Vec<_> = contenders.collect();
    for round in 0..=rounds {
        for contender in &mut contenders {
            let ns = contender.round(case.sessions as usize);
            if round > 0 {
                contender.rounds.push(ns);
            }
        }
    }
}

/// Prints a case: each of ours beside each peer.
#[expect(clippy::print_stdout, reason = "this is what a bench is for")]
pub(crate) fn report(case: &Case, ours: &[Outcome], peers: &[Outcome], json: bool) {
    let Case {
        suite,
        len,
        sessions,
    } = case;
    let name = format!("{} {len} B {sessions} sessions", suite.name());
    if json {
        for (path, peer) in ours
            .iter()
            .flat_map(|path| peers.iter().map(move |peer| (path, peer)))
        {
            let line = json!({
                "bench": "srtp", "case": name, "path": path.name, "ns": rounded(path.ns),
                "unit": "packet", "peer": peer.name, "peer_ns": rounded(peer.ns),
                "ratio": rounded(peer.ns / path.ns),
            });
            println!("{line}");
        }
        return;
    }
    let mut line = format!("{name:44}");
    for outcome in ours.iter().chain(peers) {
        line += &format!("  {} {:.1}", outcome.name, outcome.ns);
    }
    if let (Some(best), Some(peer)) = (ours.last(), peers.first()) {
        line += &format!("  ({:.2}x {})", peer.ns / best.ns, peer.name);
    }
    println!("{line}");
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// CPU time of this thread, which other programs on the core do not add to.
fn cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    now.tv_sec() as f64 * 1e9 + now.tv_nsec() as f64
}
