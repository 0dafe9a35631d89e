//! `sixreel srs`

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use sixreel_controlplane::sdp::Codec;
use sixreel_srs::behaviour::{Answer, Behaviour, Manner, Pick, Step, Wish};
use sixreel_srs::server::told::{Notice, Told, What};
use sixreel_srs::server::{self, Keep, MediaPorts, Setup};

use crate::failure::Failure;
use crate::output::{Output, plain};

/// The recorder's arguments.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Srs {
    /// Where clients reach it, by UDP and by TCP; with port 0 the system chooses one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5060")]
    listen: SocketAddr,
    /// Where it receives RTP; its address for SIP unless told otherwise
    #[arg(long, value_name = "ADDRESS")]
    media: Option<IpAddr>,
    /// Its media ports, two for each call: a range such as 30000-30999, or how many calls it is
    /// to record at once, on ports that the system chooses
    #[arg(long, value_name = "RANGE|CALLS", default_value = "100")]
    ports: Ports,
    /// Where its files go; it is made where it does not exist
    #[arg(long, value_name = "FOLDER", default_value = "recordings")]
    folder: String,
    /// What it keeps of a recording
    #[arg(long, value_name = "WHAT", default_value = "all")]
    keep: Kept,
    #[command(flatten)]
    conduct: Conduct,
}

/// How it treats every call.
#[derive(Debug, Args)]
#[command(next_help_heading = "How it treats every call")]
struct Conduct {
    /// Refuse it with this status: 300 to 699
    #[arg(long, value_name = "STATUS")]
    #[arg(value_parser = clap::value_parser!(u16).range(300..700))]
    #[arg(conflicts_with_all = ["ignore", "codecs", "prefer", "ringing", "delay", "begin"])]
    #[arg(conflicts_with_all = ["answer", "no_feature_tag", "steps"])]
    reject: Option<u16>,
    /// Say nothing, as if nobody were there
    #[arg(long)]
    #[arg(conflicts_with_all = ["codecs", "prefer", "ringing", "delay", "begin"])]
    #[arg(conflicts_with_all = ["answer", "no_feature_tag", "steps"])]
    ignore: bool,
    /// The codecs that it takes, the best first
    #[arg(long = "codec", value_name = "CODEC,…", value_delimiter = ',')]
    #[arg(default_values = ["PCMU", "PCMA"])]
    codecs: Vec<CodecName>,
    /// Whose preference decides among the codecs
    #[arg(long, value_name = "WHOSE", default_value = "client")]
    prefer: Prefer,
    /// Say 180 before it answers
    #[arg(long)]
    ringing: bool,
    /// Take so long to answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    delay: u32,
    /// What it wants of the stream when it answers
    #[arg(long, value_name = "DIRECTION", default_value = "recvonly")]
    begin: Begin,
    /// What its answer carries
    #[arg(long, value_name = "WHAT", default_value = "sdp")]
    answer: AnswerKind,
    /// Don't say +sip.srs, which a recorder must (RFC 7866 §6.2)
    #[arg(long)]
    no_feature_tag: bool,
    /// So long after its answer, do this: pause, resume, snapshot (ask for all metadata) or bye;
    /// can be repeated
    #[arg(long = "at", value_name = "MS=STEP")]
    steps: Vec<Timed>,
}

const EXAMPLES: &str = "\
It prints a line for each event, or one JSON object with --json, and keeps of each recording
  NAME.wav             what it heard: 16 bits, 8 kHz
  NAME.metadata.xml    the latest complete metadata; of several documents, each as .metadata-N.xml
  NAME.json            the facts: who, when, packets, lost, reordered, jitter, metadata valid or not
where NAME is the call's identifier. SIGTERM and SIGINT end every recording with BYE, within 2 s.

Examples:
  Record whatever comes to this machine:
    sixreel srs --listen 192.0.2.20:5060 --ports 30000-30999 --folder /srv/recordings
  Take A-law only, begin without the stream, want it after 2 s, pause at 10 s:
    sixreel srs --codec PCMA --begin inactive --at 2000=resume --at 10000=pause
  A recorder that is busy, one that is dead, one that ends each recording after a minute:
    sixreel srs --listen 127.0.0.1:5061 --reject 486
    sixreel srs --listen 127.0.0.1:5062 --ignore
    sixreel srs --listen 127.0.0.1:5063 --at 60000=bye
  Count the packets of 500 calls, and keep nothing:
    sixreel --json srs --ports 500 --keep nothing

A recorder in the server's configuration that is this one:
  [[recorder]]
  id = \"trial\"
  uri = \"sip:recorder@127.0.0.1:5060\"";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kept {
    /// Audio, metadata and facts
    All,
    /// Metadata and facts
    Facts,
    /// No files: events are printed, that is all
    Nothing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CodecName {
    #[value(name = "PCMU")]
    Pcmu,
    #[value(name = "PCMA")]
    Pcma,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Prefer {
    /// The first of the client's codecs that the recorder takes
    Client,
    /// The first of the recorder's codecs that the client offers
    Recorder,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Begin {
    /// It receives
    Recvonly,
    /// It is not ready yet
    Inactive,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AnswerKind {
    /// The session description, as it should be
    Sdp,
    /// The session description, and the client's own metadata
    Both,
    /// The client's own metadata, and no session description
    Metadata,
    /// No body at all
    Nothing,
    /// What claims to be a session description and is none
    Nonsense,
}

/// `30000-30999` or `100`.
#[derive(Clone, Debug)]
struct Ports(MediaPorts);

/// `2000=pause`.
#[derive(Clone, Copy, Debug)]
struct Timed(Duration, Step);

impl Srs {
    /// Runs the recorder until a signal ends it.
    pub(crate) fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let (recorder, events) =
            server::start(self.setup()).map_err(|error| Failure::Server(error.to_string()))?;
        recorder
            .stop_on_signals()
            .map_err(|error| Failure::Server(format!("signals cannot be handled: {error}")))?;
        for told in events {
            output.show(&shown(&told), |output| {
                output.line(&plain(&Value::String(told.to_string())))
            })?;
            if let What::Server(Notice::Stopped { .. }) = told.what {
                break;
            }
        }
        recorder
            .stop()
            .map_err(|error| Failure::Server(error.to_string()))
    }

    fn setup(self) -> Setup {
        Setup {
            listen: self.listen,
            media: self.media.unwrap_or_else(|| self.listen.ip()),
            ports: self.ports.0,
            folder: self.folder.into(),
            keep: match self.keep {
                Kept::All => Keep::All,
                Kept::Facts => Keep::Facts,
                Kept::Nothing => Keep::Nothing,
            },
            behaviour: self.conduct.behaviour(),
        }
    }
}

impl Conduct {
    fn behaviour(self) -> Behaviour {
        if let Some(status) = self.reject {
            return Behaviour::Reject(status);
        }
        if self.ignore {
            return Behaviour::Ignore;
        }
        let mut steps: Vec<_> = self
            .steps
            .iter()
            .map(|Timed(at, step)| (*at, *step))
            .collect();
        steps.sort_by_key(|(at, _)| *at);
        Behaviour::Record(Manner {
            codecs: self.codecs.into_iter().map(Codec::from).collect(),
            pick: match self.prefer {
                Prefer::Client => Pick::Offer,
                Prefer::Recorder => Pick::Own,
            },
            ringing: self.ringing,
            answer_after: Duration::from_millis(self.delay.into()),
            begin: match self.begin {
                Begin::Recvonly => Wish::Receive,
                Begin::Inactive => Wish::Pause,
            },
            answer: match self.answer {
                AnswerKind::Sdp => Answer::Sdp,
                AnswerKind::Both => Answer::SdpAndMetadata,
                AnswerKind::Metadata => Answer::Metadata,
                AnswerKind::Nothing => Answer::Nothing,
                AnswerKind::Nonsense => Answer::Nonsense,
            },
            feature_tag: !self.no_feature_tag,
            steps,
        })
    }
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::Pcmu => Self::Pcmu,
            CodecName::Pcma => Self::Pcma,
        }
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((first, last)) = text.split_once('-') {
            let port = |text: &str| text.trim().parse::<u16>().ok();
            let range = port(first).zip(port(last));
            let range: Option<RangeInclusive<u16>> = range.map(|(first, last)| first..=last);
            let range = range.filter(|range| *range.start() > 0 && !range.is_empty());
            let range = range.ok_or("a range of ports is written like 30000-30999")?;
            return Ok(Self(MediaPorts::Range(range)));
        }
        // Two ports each, of those that the system has to give away.
        match text.trim().parse() {
            Ok(calls @ 1..=10_000) => Ok(Self(MediaPorts::Any(calls))),
            _ => Err("write a range like 30000-30999, or 1 to 10000 calls".to_owned()),
        }
    }
}

impl FromStr for Timed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=');
        let (at, step) = parts.ok_or("write milliseconds and a step like 2000=pause")?;
        let at: u32 = at
            .parse()
            .map_err(|_| format!("\"{at}\" are no milliseconds"))?;
        let step = match step {
            "pause" => Step::Want(Wish::Pause),
            "resume" => Step::Want(Wish::Receive),
            "snapshot" => Step::Snapshot,
            "bye" => Step::Bye,
            _ => {
                return Err(format!(
                    "\"{step}\" is no step: write pause, resume, snapshot or bye"
                ));
            }
        };
        Ok(Self(Duration::from_millis(at.into()), step))
    }
}

/// An event as scripts see it.
fn shown(told: &Told) -> Value {
    serde_json::to_value(told).expect("the folder, and so every path, is text")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        srs: Srs,
    }

    fn setup(line: &[&str]) -> Result<Setup, String> {
        let line = [&["srs"], line].concat();
        let parsed = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        Ok(parsed.srs.setup())
    }

    fn manner(line: &[&str]) -> Manner {
        let Behaviour::Record(manner) = setup(line).unwrap().behaviour else {
            panic!("{line:?} records nothing");
        };
        manner
    }

    #[test]
    fn what_is_not_said_is_as_it_should_be() {
        let setup = setup(&[]).unwrap();
        assert_eq!(setup.behaviour, Behaviour::default());
        assert_eq!(setup.listen, "127.0.0.1:5060".parse().unwrap());
        assert_eq!(setup.media, setup.listen.ip());
        assert_eq!((setup.ports, setup.keep), (MediaPorts::Any(100), Keep::All));
    }

    #[test]
    fn a_recorder_can_be_put_together() {
        let line = "--codec PCMA,PCMU --prefer recorder --ringing --delay 300 --begin inactive \
                    --answer both --no-feature-tag --at 900=snapshot --at 500=resume --at 999=bye \
                    --at 700=pause";
        let line: Vec<_> = line.split_ascii_whitespace().collect();
        let ms = Duration::from_millis;
        let expected = Manner {
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            pick: Pick::Own,
            ringing: true,
            answer_after: ms(300),
            begin: Wish::Pause,
            answer: Answer::SdpAndMetadata,
            feature_tag: false,
            steps: vec![
                (ms(500), Step::Want(Wish::Receive)),
                (ms(700), Step::Want(Wish::Pause)),
                (ms(900), Step::Snapshot),
                (ms(999), Step::Bye),
            ],
        };
        assert_eq!(manner(&line), expected);
        for (word, answer) in [
            ("sdp", Answer::Sdp),
            ("metadata", Answer::Metadata),
            ("nothing", Answer::Nothing),
            ("nonsense", Answer::Nonsense),
        ] {
            assert_eq!(manner(&["--answer", word]).answer, answer);
        }
    }

    #[test]
    fn a_recorder_can_refuse_or_be_dead() {
        let behaviour = |line: &[&str]| setup(line).unwrap().behaviour;
        assert_eq!(behaviour(&["--reject", "486"]), Behaviour::Reject(486));
        assert_eq!(behaviour(&["--ignore"]), Behaviour::Ignore);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_remedy() {
        for (line, remedy) in [
            (&["--reject", "200"][..], "300..700"),
            (&["--ignore", "--ringing"], "cannot be used with"),
            (&["--reject", "486", "--at", "5=bye"], "cannot be used with"),
            (&["--at", "bye"], "like 2000=pause"),
            (&["--at", "soon=bye"], "no milliseconds"),
            (&["--at", "5=sing"], "pause, resume, snapshot or bye"),
            (&["--ports", "30999-30000"], "like 30000-30999"),
            (&["--ports", "0"], "1 to 10000 calls"),
            (&["--codec", "G729"], "PCMU, PCMA"),
        ] {
            let why = setup(line).unwrap_err();
            assert!(why.contains(remedy), "{line:?}: {why}");
        }
        let ports = setup(&["--ports", "30000-30003"]).unwrap().ports;
        assert_eq!(ports, MediaPorts::Range(30_000..=30_003));
    }
}
