//! `sixreel demo`: one real call, recorded by three recorders, each in its own way.
//!
//! Everything that takes part is a program of its own, as at a site, and what it leaves lies in one
//! folder: configuration, logs, recordings.

/// The call, as a conference server asks for it.
mod call;
/// The conversation: who takes part, who says what, and when.
mod script;
/// How much a recording is what it should be.
mod similarity;
/// Where the demonstration takes place.
mod stage;
/// What the recorders have, and whether it is what it should be.
mod verdict;

use std::io::{self, IsTerminal as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use self::call::Call;
use self::script::{ACTS, Act, END_MS, Person, moment_ms};
use self::stage::{RECORDERS, Stage};
use self::verdict::Verdict;
use crate::child::Child;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Column, Output, plain};
use crate::speakers::Speakers;

/// So many periods of 20 ms everything may take to be ready, and to end.
const PATIENCE: usize = 500;

/// The demonstration's arguments.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "demo-output")]
    folder: PathBuf,
}

const COLUMNS: &[Column] = &[
    ("RECORDER", "/id", plain),
    ("TRANSPORT", "/transport", plain),
    ("INFORMATION", "/info", plain),
    ("CODEC", "/codec", plain),
    ("PACKETS", "/packets", plain),
    ("LOST", "/lost", plain),
    ("SNR DB", "/snr_db", plain),
    ("METADATA", "/metadata_valid", validity),
    ("FILES", "/files", whereabouts),
];

/// The programs that take part.
struct Cast {
    server: Child,
    recorders: Vec<Child>,
}

impl Demo {
    /// Plays the call and prints what the recorders have. It fails where that is not what it
    /// should be.
    pub(crate) fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let stage = Stage::set_up(&self.folder).map_err(Failure::Server)?;
        let bar = progress_bar(output.is_json());
        let speakers = Speakers::start(stage.participants())
            .map_err(|error| Failure::Server(format!("RTP cannot be sent: {error}")))?;
        bar.set_message("starting");
        let mut cast = Cast::start(&stage)?;
        let client = cast.wait_for_server(&stage, &speakers)?;
        let mut call = Call::start(client, speakers)?;
        play(&mut call, &bar)?;
        bar.set_message("ending");
        end(&mut call)?;
        call.leave()?;
        cast.end()?;
        bar.finish_and_clear();
        report(&stage, output)
    }
}

impl Cast {
    fn start(stage: &Stage) -> Result<Self, Failure> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let program = std::env::current_exe()
            .map_err(|error| Failure::Server(format!("this program is not found: {error}")))?;
        let start = |name: &str, arguments: &[String]| {
            let log = stage.log(name);
            Child::start(name, &program, arguments, &log).map_err(Failure::Server)
        };
        let recorders = RECORDERS.iter().map(|recorder| {
            let mut arguments: Vec<_> = words(&["srs"]);
            arguments.extend(stage.arguments(recorder));
            start(recorder.id, &arguments)
        });
        let recorders = recorders.collect::<Result<_, _>>()?;
        let config = stage.config().display().to_string();
        let server = start("sixreel", &words(&["serve", "--config", &config]))?;
        Ok(Self { server, recorders })
    }

    /// Waits until every recorder listens and the server answers.
    fn wait_for_server(&mut self, stage: &Stage, pace: &Speakers) -> Result<Client, Failure> {
        let listens = |recorder| TcpStream::connect(stage.address(recorder)).is_ok();
        let mut error = None;
        for _ in 0..PATIENCE {
            pace.tick()
                .map_err(|error| Failure::Server(error.to_string()))?;
            if let Some(why) = self.ended() {
                let folder = stage.log("sixreel");
                let folder = folder.parent().unwrap_or(&folder).display();
                return Err(Failure::Server(format!("{why}: see the logs in {folder}")));
            }
            match Client::connect(&stage.socket()) {
                Ok(client) if RECORDERS.iter().all(listens) => return Ok(client),
                Ok(_) => {}
                Err(nobody) => error = Some(nobody),
            }
        }
        Err(error.map_or_else(
            || Failure::Server("a recorder does not listen".to_owned()),
            Failure::Client,
        ))
    }

    /// Who has ended, and why.
    fn ended(&mut self) -> Option<String> {
        let all = self.recorders.iter_mut().chain([&mut self.server]);
        all.filter_map(Child::ended).next()
    }

    fn end(self) -> Result<(), Failure> {
        for child in [self.server].into_iter().chain(self.recorders) {
            child.end().map_err(Failure::Server)?;
        }
        Ok(())
    }
}

/// Plays the conversation.
fn play(call: &mut Call, bar: &ProgressBar) -> Result<(), Failure> {
    call.act(Person::Operator, Act::Join)?;
    wait(call, "not every recorder accepts the call", |recordings| {
        recordings.len() == RECORDERS.len()
            && recordings.iter().all(|one| one["state"] == "recording")
    })?;
    call.begin();
    let mut acts = ACTS.iter().peekable();
    loop {
        let now_ms = moment_ms(call.tick()?);
        while let Some((_, person, act)) = acts.next_if(|(at, ..)| *at <= now_ms) {
            bar.set_message(format!("{}: {act:?}", person.id()).to_lowercase());
            call.act(*person, *act)?;
        }
        bar.set_position(now_ms / 100);
        if now_ms >= END_MS {
            return Ok(());
        }
    }
}

/// Ends the call and waits until every recorder knows.
fn end(call: &mut Call) -> Result<(), Failure> {
    call.stop()?;
    wait(call, "not every recorder answers BYE", <[Value]>::is_empty)
}

/// Waits until the recordings are as they should be.
fn wait(
    call: &mut Call,
    complaint: &str,
    are_well: impl Fn(&[Value]) -> bool,
) -> Result<(), Failure> {
    let mut recordings = Vec::new();
    for _ in 0..PATIENCE {
        call.tick()?;
        recordings = call.recordings()?;
        if are_well(&recordings) {
            return Ok(());
        }
    }
    let states = recordings.iter().map(|one| {
        let [recorder, state, error] = ["recorder", "state", "error"].map(|key| plain(&one[key]));
        format!("\n  {recorder}: {state} {error}")
    });
    Err(Failure::Server(format!(
        "{complaint}:{}",
        states.collect::<String>()
    )))
}

/// Prints what the recorders have.
fn report(stage: &Stage, output: &mut Output<'_>) -> Result<(), Failure> {
    let verdicts = RECORDERS.iter();
    let verdicts: Vec<_> = verdicts
        .map(|recorder| Verdict::of(recorder, &stage.recordings(recorder)))
        .collect();
    let ok = verdicts.iter().all(|verdict| verdict.problems.is_empty());
    let body = json!({ "ok": ok, "recorders": verdicts });
    output.show(&body, |output| {
        output.table("recorders", &body["recorders"], COLUMNS)?;
        for verdict in &verdicts {
            for problem in &verdict.problems {
                output.line(&format!("{}: {problem}", verdict.id))?;
            }
        }
        Ok(())
    })?;
    if ok { Ok(()) } else { Err(Failure::Degraded) }
}

/// Shown on a terminal, to people.
fn progress_bar(for_scripts: bool) -> ProgressBar {
    if for_scripts || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {msg}").expect("the template is right");
    ProgressBar::new(END_MS / 100).with_style(style)
}

fn validity(value: &Value) -> String {
    match value.as_bool() {
        Some(true) => "valid".to_owned(),
        Some(false) => "not valid".to_owned(),
        None => "none".to_owned(),
    }
}

/// The folder that they lie in, and how many they are.
fn whereabouts(value: &Value) -> String {
    let files = value.as_array().map_or(&[][..], Vec::as_slice);
    let first = files.first().map(plain).unwrap_or_default();
    let folder = Path::new(&first).parent().unwrap_or_else(|| Path::new(""));
    format!("{} in {}", files.len(), folder.display())
}
