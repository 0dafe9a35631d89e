//! `sixreel`: the command a person types.

use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use sixreel::cli::Cli;

fn main() -> ExitCode {
    let code = Cli::parse().run(&mut io::stdout().lock(), &mut io::stderr().lock());
    ExitCode::from(code)
}
