//! A program that is started, and ended.

use std::fs::File;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// So long a program may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(10);

/// A running program. It is killed where it is dropped without having been ended.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: Option<Process>,
}

impl Child {
    /// Starts `program`; what it says goes to the file `log`.
    ///
    /// # Errors
    /// A sentence about why it cannot be started.
    pub fn start(
        name: &str,
        program: &Path,
        arguments: &[String],
        log: &Path,
    ) -> Result<Self, String> {
        let start = || {
            let out = File::create(log)?;
            let err = out.try_clone()?;
            Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(err)
                .spawn()
        };
        let process = start().map_err(|error| format!("{name} cannot be started: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            process: Some(process),
        })
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Why it runs no more, where it has ended by itself.
    pub fn ended(&mut self) -> Option<String> {
        let process = self.process.as_mut()?;
        let status = process.try_wait().ok()??;
        Some(format!("{} has ended: {status}", self.name))
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// A sentence about what went wrong with it.
    pub fn end(mut self) -> Result<(), String> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        let pid = Pid::from_raw(process.id() as i32);
        // It fails only where the program has ended already, which `wait` tells.
        let _ = kill(pid, Signal::SIGTERM);
        let (outbox, inbox) = mpsc::channel();
        thread::spawn(move || outbox.send(process.wait()));
        let name = &self.name;
        match inbox.recv_timeout(FAREWELL) {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("{name} ended with {status}")),
            Ok(Err(error)) => Err(format!("{name} cannot be waited for: {error}")),
            Err(_) => {
                let _ = kill(pid, Signal::SIGKILL);
                Err(format!("{name} did not end when it was asked to"))
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only where it has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
