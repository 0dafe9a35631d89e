//! Everything that happened, as one number and as text for people.

use std::collections::VecDeque;

use sixreel_dataplane::time::Nanos;

/// Lines that are kept for people.
const KEPT: usize = 20_000;

/// What happened.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    lines: VecDeque<String>,
}

impl Trace {
    /// Something happened: what it is told apart by.
    pub fn note(&mut self, at: Nanos, what: &[u8]) {
        self.mix(&at.0.to_le_bytes());
        self.mix(what);
    }

    /// Something happened that people want to read of.
    pub fn tell(&mut self, at: Nanos, line: String) {
        self.note(at, line.as_bytes());
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        let ms = at.0 as f64 / 1e6;
        self.lines.push_back(format!("{ms:>12.3} {line}"));
    }

    /// The same for the same happenings, on any machine.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The latest lines, at most so many.
    pub fn lines(&self, most: usize) -> String {
        let skipped = self.lines.len().saturating_sub(most);
        let lines = self.lines.iter().skip(skipped).map(String::as_str);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// FNV-1a.
    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            lines: VecDeque::new(),
        }
    }
}
