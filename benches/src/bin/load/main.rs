//! Many calls at once through the whole system: the server, a recorder and everybody who speaks,
//! each a program or a thread of its own, over loopback.
//!
//! Says whether a packet was lost, what the server took of processor time, and whether its memory
//! grew.

/// The calls, as a conference server asks for them.
mod calls;
/// What the system knows of a process: processor time and memory.
mod process;
/// The programs and where they run.
mod setting;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};
use sixreel::speakers::Speakers;

use self::calls::Calls;
use self::process::Usage;
use self::setting::Setting;

/// Periods of 20 ms in a second.
const PERIODS: u64 = 50;

/// How much, and how long.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Arguments {
    /// Calls at once, each with two sources and one recorder
    #[arg(long, default_value_t = 500)]
    calls: usize,
    /// How long they last, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Data-plane threads of the server
    #[arg(long, default_value_t = 1)]
    workers: u16,
    /// The program `sixreel`
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).and_then(|result| Ok(print(&result, arguments.json)?)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where even the complaint cannot be written, the exit code has to do.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Value, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let speakers = Speakers::start(setting::SPEAKERS.into())?;
    let setting = Setting::start(arguments, folder.path(), &speakers)?;
    let mut conference = Calls::start(setting.connect()?, &speakers, arguments.calls)?;
    conference.wait_until_recorded()?;
    speakers.begin();
    let before = Usage::of(setting.server_pid())?;
    let mut latest_us = 0;
    for second in 1..=arguments.seconds {
        while speakers.tick()? < second * PERIODS {}
        latest_us = conference.latest_slot_us()?.max(latest_us);
    }
    let after = Usage::of(setting.server_pid())?;
    let stats = conference.stats()?;
    conference.stop()?;
    speakers.stop()?;
    let heard = setting.end()?;
    let recordings = heard.recordings;
    let recorded_s = (recordings * arguments.seconds) as f64;
    let cpu_s = after.cpu_s - before.cpu_s;
    let Arguments { calls, seconds, .. } = arguments;
    let case = format!("{calls} calls of 2 sources and 1 recorder, {seconds} s");
    Ok(json!({
        "bench": "load",
        "case": case,
        "path": "kernel port",
        "ns": (cpu_s * 1e9 / (recorded_s * PERIODS as f64)).round(),
        "unit": "CPU ns of the server per recording and 20 ms",
        "recordings": recordings,
        "packets": heard.packets,
        "lost": heard.lost,
        "cpu_s_per_recording_s": cpu_s / recorded_s,
        "memory_kib": { "before": before.memory_kib, "after": after.memory_kib },
        "late_max_us": latest_us,
        "slots_skipped": stats["workers"].as_array().into_iter().flatten()
            .filter_map(|worker| worker["slots_skipped"].as_u64()).sum::<u64>(),
        "drops": stats["workers"].as_array().into_iter().flatten()
            .map(|worker| worker["drops"].clone()).collect::<Vec<_>>(),
        "ok": heard.lost == 0 && recordings == arguments.calls as u64
            && heard.packets >= recordings * arguments.seconds * PERIODS,
    }))
}

/// Prints the result, and says whether it is a good one.
fn print(result: &Value, for_scripts: bool) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    if for_scripts {
        writeln!(out, "{result}")?;
    } else if let Value::Object(figures) = result {
        for (name, figure) in figures {
            writeln!(out, "{name:22} {figure}")?;
        }
    }
    Ok(result["ok"] == true)
}
