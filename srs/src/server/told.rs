//! What a server tells, a line each.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::Serialize;
use sixreel_controlplane::time::Wall;

use crate::event::Event;

/// So many events wait for whoever reads them.
const WAITING_MAX: usize = 16 * 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// To which call; nothing where it is about the whole server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum What {
    /// Between the recorder and a client.
    Call(Event),
    /// Within the server.
    Server(Notice),
}

/// What happened within the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Notice {
    /// It takes calls from now on.
    Ready {
        sip: SocketAddr,
        media: IpAddr,
        /// The first and the last media port.
        ports: (u16, u16),
        /// Calls that it can record at once.
        calls: usize,
        /// Where files go, if any do.
        folder: Option<PathBuf>,
    },
    /// The files of a recording are complete.
    Kept { files: Vec<PathBuf> },
    /// A file of a recording could not be written; told once for each recording.
    NotKept { file: PathBuf, why: String },
    /// The disk is too slow. The lost samples are silence in the WAV files.
    Behind { samples: u64, documents: u64 },
    /// So many events are missing before this one, because nobody read them.
    Missed { events: u64 },
    /// Every recording is ended.
    Stopping,
    /// It has stopped.
    Stopped {
        /// Whether every client has confirmed it.
        confirmed: bool,
        /// Whether the files are complete.
        complete: bool,
    },
}

/// Whoever has something to tell.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    events: SyncSender<Told>,
    missed: Arc<AtomicU64>,
}

/// A way to tell.
pub(super) fn channel() -> (Teller, Receiver<Told>) {
    let (events, told) = sync_channel(WAITING_MAX);
    let missed = Arc::default();
    (Teller { events, missed }, told)
}

impl Teller {
    /// Tells something. Nobody waits for whoever reads it: what finds no room is counted.
    pub(super) fn tell(&self, call: Option<&str>, what: What, now: Wall) {
        let told = |call: Option<&str>, what| Told {
            time: now.rfc3339(),
            call: call.map(str::to_owned),
            what,
        };
        let missed = self.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            let gap = What::Server(Notice::Missed { events: missed });
            if self.events.try_send(told(None, gap)).is_err() {
                self.missed.fetch_add(missed + 1, Ordering::Relaxed);
                return;
            }
        }
        if self.events.try_send(told(call, what)).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells something about the whole server.
    pub(super) fn notice(&self, notice: Notice, now: Wall) {
        self.tell(None, What::Server(notice), now);
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.time)?;
        if let Some(call) = &self.call {
            write!(f, " {call}:")?;
        }
        match &self.what {
            What::Call(event) => write!(f, " {event}"),
            What::Server(notice) => write!(f, " {notice}"),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready {
                sip,
                media,
                ports: (first, last),
                calls,
                folder,
            } => {
                write!(
                    f,
                    "ready: SIP at {sip} (UDP and TCP), media at {media} for {calls} calls (ports \
                     within {first}-{last})"
                )?;
                match folder {
                    Some(folder) => write!(f, ", files in {}", folder.display()),
                    None => f.write_str(", no files"),
                }
            }
            Self::Kept { files } => {
                f.write_str("kept as ")?;
                for (index, file) in files.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", file.display())?;
                }
                Ok(())
            }
            Self::NotKept { file, why } => write!(
                f,
                "{} cannot be written: {why}: make room, or let this recorder write there",
                file.display()
            ),
            Self::Behind { samples, documents } => {
                let seconds = *samples as f64 / f64::from(crate::stream::RATE);
                write!(
                    f,
                    "the disk is too slow: {seconds:.1} s of audio became silence, {documents} \
                     metadata documents were lost"
                )
            }
            Self::Missed { events } => write!(f, "{events} events were not told: read faster"),
            Self::Stopping => f.write_str("stopping: every recording is ended"),
            Self::Stopped {
                confirmed,
                complete,
            } => {
                f.write_str("stopped")?;
                if !confirmed {
                    f.write_str("; not every client has confirmed it")?;
                }
                if !complete {
                    f.write_str("; the disk was too slow to complete every file")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object() {
        let (teller, told) = channel();
        teller.tell(Some("7"), What::Call(Event::Ignored), Wall(0));
        teller.notice(Notice::Stopping, Wall(0));
        let lines: Vec<_> = told
            .try_iter()
            .map(|told| (serde_json::to_string(&told).unwrap(), told.to_string()))
            .collect();
        let time = "1970-01-01T00:00:00.000Z";
        let expected = [
            (
                format!(r#"{{"time":"{time}","call":"7","event":"ignored"}}"#),
                format!("{time} 7: ignored"),
            ),
            (
                format!(r#"{{"time":"{time}","event":"stopping"}}"#),
                format!("{time} stopping: every recording is ended"),
            ),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_nobody_reads_is_counted() {
        let (teller, told) = channel();
        for _ in 0..WAITING_MAX + 3 {
            teller.notice(Notice::Stopping, Wall(0));
        }
        assert_eq!(told.try_iter().count(), WAITING_MAX);
        teller.notice(Notice::Stopping, Wall(0));
        let after: Vec<_> = told.try_iter().map(|told| told.what).collect();
        let expected = [Notice::Missed { events: 3 }, Notice::Stopping].map(What::Server);
        assert_eq!(after, expected);
    }
}
