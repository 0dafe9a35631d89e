//! What the system knows of a process: processor time and memory.

use std::fs;
use std::io;

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time of all its threads, the kernel's on its behalf included, in seconds.
    pub(crate) cpu_s: f64,
    /// Resident memory.
    pub(crate) memory_kib: u64,
}

impl Usage {
    /// What the process with that number has used so far.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let unknown = || io::Error::other(format!("the system does not know process {pid}"));
        let mut cpu_ns = 0;
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            let ns = text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
            cpu_ns += ns.ok_or_else(unknown)?;
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|text| text.trim().strip_suffix(" kB"));
        Ok(Self {
            cpu_s: cpu_ns as f64 / 1e9,
            memory_kib: memory
                .and_then(|kib| kib.parse().ok())
                .ok_or_else(unknown)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a process that certainly exists")]
    fn a_process_has_used_time_and_memory() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.cpu_s > 0.0 && usage.memory_kib > 100, "{usage:?}");
        assert!(Usage::of(u32::MAX).is_err());
    }
}
