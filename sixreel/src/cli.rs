//! The command line: what can be typed.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::commands::call::CallCommand;
use crate::commands::serve::Serve;
use crate::commands::srs::Srs;
use crate::commands::{self, Session};
use crate::demo::Demo;
use crate::failure::Failure;
use crate::output::Output;

/// Records calls to SIPREC recorders.
#[derive(Debug, Parser)]
#[command(name = "sixreel", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// The server's control socket
    #[arg(long, global = true, value_name = "PATH", env = "SIXREEL_SOCKET")]
    #[arg(default_value = "/run/sixreel/control.sock")]
    socket: PathBuf,
    /// Print the server's JSON, one object, instead of a table
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sixreel serve --config sixreel.toml
  sixreel srs --listen 192.0.2.20:5060
  sixreel call start 7 --console console-4 --calling 'Calling Name <1000>' --called 2000
  sixreel call join 7 alice --number 1000
  sixreel call source 7 alice-audio --participant alice --payload 0=PCMU
  sixreel recording list
  sixreel call stop 7

Exit codes: 0 done, 1 refused, 2 not understood, 3 no server.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Record a conversation at three recorders, all on this machine, and show what they have
    Demo(Demo),
    /// Run the server
    Serve(Serve),
    /// Run a small recorder, to try things out
    Srs(Box<Srs>),
    /// Start, change, watch and stop calls
    #[command(subcommand)]
    Call(Box<CallCommand>),
    /// See what is recorded, and where
    #[command(subcommand)]
    Recording(ListCommand),
    /// See the recorders and how they fare
    #[command(subcommand)]
    Recorder(ListCommand),
    /// Show the counters of the whole server
    Stats,
    /// Say whether the server is well; exit code 1 where it is not
    Health,
    /// Show the server's version and limits
    Version,
    /// Print what happens, as it happens
    Events {
        /// Begin after the event with this number, as far as the server remembers
        #[arg(long, value_name = "ID")]
        after: Option<u64>,
    },
}

/// What can be done with recordings, and with recorders.
#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    /// List them all
    List,
    /// Show one of them
    Show {
        /// Its identifier, as `list` shows it
        id: String,
    },
}

impl Cli {
    /// Runs the command: prints to `out`, complains to `err`, and gives the exit code.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
        let mut output = Output::new(out, self.json);
        let Err(failure) = run(self.command, &self.socket, &mut output) else {
            return 0;
        };
        if let Failure::Refused(problem) = &failure
            && let Err(error) = output.problem(problem)
        {
            return Failure::Output(error).exit_code();
        }
        // Where even the complaint cannot be written, the exit code has to do.
        let _ = failure.explain(err);
        failure.exit_code()
    }
}

fn run(command: Command, socket: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let at = (socket, output);
    match command {
        Command::Demo(demo) => demo.run(at.1),
        Command::Serve(serve) => serve.run(),
        Command::Srs(srs) => srs.run(at.1),
        Command::Call(command) => commands::call::run(&mut Session::connect(at)?, *command),
        Command::Recording(command) => {
            commands::recording::run(&mut Session::connect(at)?, command)
        }
        Command::Recorder(command) => commands::recorder::run(&mut Session::connect(at)?, command),
        Command::Stats => commands::server::stats(&mut Session::connect(at)?),
        Command::Health => commands::server::health(&mut Session::connect(at)?),
        Command::Version => commands::server::version(&mut Session::connect(at)?),
        Command::Events { after } => commands::server::events(Session::connect(at)?, after),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
