//! `sixreel`: the command a person types.

use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use sixreel::cli::Cli;

fn main() -> ExitCode {
    // Not locked: the server's log is written by other threads.
    let code = Cli::parse().run(&mut io::stdout(), &mut io::stderr());
    ExitCode::from(code)
}
