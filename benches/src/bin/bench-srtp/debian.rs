//! libsrtp as Debian has it, in a process of its own: it has the same symbols as the other one.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::contest::{Case, Outcome};

/// Sessions beyond which it takes too long: its cryptography slows down with each.
const SESSIONS_MAX: u32 = 2_048;

/// The peer's program.
pub(crate) struct Peer(PathBuf);

impl Peer {
    /// Builds it; `None` where it cannot be built.
    #[expect(
        clippy::print_stderr,
        reason = "who runs a bench wants to know what is left out"
    )]
    pub(crate) fn build() -> Option<Self> {
        let program = std::env::current_exe()
            .ok()?
            .with_file_name("bench-srtp-debian");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/bench-srtp/debian.c");
        let built = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .args([source, "-lsrtp2"])
            .stderr(Stdio::null())
            .status();
        if built.is_ok_and(|status| status.success()) {
            return Some(Self(program));
        }
        eprintln!("bench: Debian's libsrtp2 is left out (install gcc and libsrtp2-dev)");
        None
    }

    /// What it takes.
    pub(crate) fn run(&self, case: &Case) -> Option<Outcome> {
        if case.sessions > SESSIONS_MAX {
            return None;
        }
        let output = Command::new(&self.0)
            .args([
                case.suite.name(),
                &case.len.to_string(),
                &case.sessions.to_string(),
            ])
            .output()
            .ok()?;
        let ns = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
        Some(Outcome {
            name: "libsrtp2-debian",
            ns,
        })
    }
}
