//! The programs and where they run.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sixreel::child::Child;
use sixreel::client::Client;
use sixreel::speakers::Speakers;

use crate::Arguments;

/// Where those who speak are; all of 127.0.0.0/8 is this machine.
pub(crate) const SPEAKERS: Ipv4Addr = Ipv4Addr::new(127, 7, 0, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 7, 0, 1);
const RECORDER: Ipv4Addr = Ipv4Addr::new(127, 7, 0, 11);
const SIP_PORT: u16 = 5060;
/// The first port of media, at both.
const MEDIA_PORT: u16 = 10_000;
/// So many periods of 20 ms both programs may take to start.
const PATIENCE: usize = 500;

/// The server and the recorder.
pub(crate) struct Setting {
    server: Child,
    recorder: Child,
    folder: PathBuf,
}

/// What the recorder heard, all recordings together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) recordings: u64,
    pub(crate) packets: u64,
    pub(crate) lost: u64,
}

impl Setting {
    /// Starts both, and waits until they answer.
    pub(crate) fn start(
        arguments: &Arguments,
        folder: &Path,
        pace: &Speakers,
    ) -> Result<Self, Box<dyn Error>> {
        let setting = Self {
            recorder: start(
                "recorder",
                arguments,
                &recorder_arguments(arguments),
                folder,
            )?,
            server: start(
                "server",
                arguments,
                &server_arguments(arguments, folder)?,
                folder,
            )?,
            folder: folder.to_owned(),
        };
        for _ in 0..PATIENCE {
            pace.tick()?;
            let listens = TcpStream::connect((RECORDER, SIP_PORT)).is_ok();
            if listens && setting.connect().is_ok() {
                return Ok(setting);
            }
        }
        let said = ["server", "recorder"].map(|name| fs::read_to_string(log(folder, name)));
        Err(format!("the programs do not start: {said:?}").into())
    }

    /// A connection to the server.
    pub(crate) fn connect(&self) -> Result<Client, Box<dyn Error>> {
        Ok(Client::connect(&socket(&self.folder))?)
    }

    pub(crate) fn server_pid(&self) -> u32 {
        self.server.pid().expect("it is ended by `end`")
    }

    /// Ends both: what the recorder heard.
    pub(crate) fn end(self) -> Result<Heard, Box<dyn Error>> {
        self.server.end()?;
        self.recorder.end()?;
        let mut heard = Heard::default();
        for line in fs::read_to_string(log(&self.folder, "recorder"))?.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            if event["event"] == "ended" {
                heard.recordings += 1;
                heard.packets += event["packets"].as_u64().unwrap_or(0);
                heard.lost += event["lost"].as_u64().unwrap_or(0);
            }
        }
        Ok(heard)
    }
}

fn start(
    name: &str,
    arguments: &Arguments,
    words: &[String],
    folder: &Path,
) -> Result<Child, String> {
    Child::start(name, &arguments.program, words, &log(folder, name))
}

fn recorder_arguments(arguments: &Arguments) -> Vec<String> {
    let listen = format!("{RECORDER}:{SIP_PORT}");
    let calls = (arguments.calls + 10).to_string();
    let words = [
        "srs", "--json", "--listen", &listen, "--ports", &calls, "--keep", "nothing",
    ];
    words.map(str::to_owned).into()
}

/// Writes the server's configuration.
fn server_arguments(arguments: &Arguments, folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let pairs = arguments.calls * 3 + 10 * usize::from(arguments.workers);
    let toml = format!(
        "[control]\nsocket = {:?}\n[sip]\naddress = \"{SERVER}:{SIP_PORT}\"\n\
         [media]\naddress = \"{SERVER}\"\nports = \"{}\"\nworkers = {}\n\
         [limits]\ncalls = {}\n\
         [[recorder]]\nid = \"only\"\nuri = \"sip:recorder@{RECORDER}:{SIP_PORT}\"\n",
        socket(folder),
        ports(pairs),
        arguments.workers,
        arguments.calls,
    );
    let path = folder.join("sixreel.toml");
    fs::write(&path, toml)?;
    let words = [
        "serve",
        "--log",
        "warn",
        "--config",
        &path.display().to_string(),
    ];
    Ok(words.map(str::to_owned).into())
}

/// A range of so many pairs.
fn ports(pairs: usize) -> String {
    format!("{MEDIA_PORT}-{}", usize::from(MEDIA_PORT) + 2 * pairs - 1)
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("s")
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}
