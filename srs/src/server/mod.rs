//! The recorder with sockets and files: one thread that receives, one that writes.
//!
//! The thread that receives never waits for a disk: what the other one cannot take in time is
//! replaced by silence of the same length, counted and told.

/// The loop: SIP, media, the clock.
mod event_loop;
/// The files of one recording.
mod files;
/// The pairs of media sockets.
mod media;
/// Names of files, whatever a call is called.
mod names;
/// What waits to be written, within limits.
mod queue;
/// What a server tells, a line each.
pub mod told;
/// WAV files that grow.
mod wav;
/// The thread that writes.
mod writer;

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::thread::{Builder, JoinHandle};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use sixreel_controlplane::transport::BindError;

use self::event_loop::EventLoop;
use self::told::Told;
use crate::behaviour::Behaviour;

/// What a server is, and does.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where it listens for SIP, by UDP and by TCP, and what it calls itself: no wildcard. With
    /// port 0 the system chooses one.
    pub listen: SocketAddr,
    /// Where it wants media.
    pub media: IpAddr,
    /// Its media ports, two for each call that it records at once.
    pub ports: MediaPorts,
    /// Where its files go; it is made where it does not exist.
    pub folder: PathBuf,
    /// What is kept of a recording.
    pub keep: Keep,
    /// How calls are treated.
    pub behaviour: Behaviour,
}

/// Which media ports a server takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaPorts {
    /// All pairs of this range that are free.
    Range(RangeInclusive<u16>),
    /// So many pairs, which the system chooses.
    Any(usize),
}

/// What is kept of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Its audio, its metadata, its facts.
    #[default]
    All,
    /// Its metadata and its facts.
    Facts,
    /// Nothing: it is counted and told only.
    Nothing,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{0} is no address that a client could answer to: listen at one address of this machine, \
         such as 127.0.0.1 for a trial on one machine"
    )]
    Wildcard(SocketAddr),
    #[error(transparent)]
    Sip(#[from] BindError),
    #[error("no media port: {0}")]
    Media(String),
    #[error("cannot write to the folder {}: {error}: choose another one", folder.display())]
    Folder { folder: PathBuf, error: io::Error },
    #[error("the system does not give us {what}: {error}")]
    System {
        what: &'static str,
        error: io::Error,
    },
}

/// A running server. It is stopped where this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    pairs: Vec<u16>,
    /// A byte here stops it.
    stop: UnixStream,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Starts a server: it, and what it tells until it has stopped.
///
/// # Errors
/// What cannot be had, and what to do about it. Nothing stays open then.
pub fn start(setup: Setup) -> Result<(Server, Receiver<Told>), StartError> {
    let system = |what| move |error| StartError::System { what, error };
    let (heard, stop) = UnixStream::pair().map_err(system("a pair of sockets"))?;
    let (teller, told) = told::channel();
    let event_loop = EventLoop::start(setup, heard, teller)?;
    let (address, pairs) = (event_loop.address(), event_loop.pairs().to_vec());
    let thread = Builder::new()
        .name("srs".to_owned())
        .spawn(move || event_loop.run())
        .map_err(system("a thread"))?;
    let server = Server {
        address,
        pairs,
        stop,
        thread: Some(thread),
    };
    Ok((server, told))
}

impl Server {
    /// Where it listens for SIP.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its pairs of media ports, by their even ones.
    pub fn pairs(&self) -> &[u16] {
        &self.pairs
    }

    /// SIGTERM and SIGINT stop it.
    ///
    /// # Errors
    /// If the system does not let signals be handled.
    pub fn stop_on_signals(&self) -> io::Result<()> {
        for signal in [SIGTERM, SIGINT] {
            pipe::register(signal, self.stop.try_clone()?)?;
        }
        Ok(())
    }

    /// Ends every recording with BYE, completes the files, and waits until that is done: 2 s at
    /// most.
    ///
    /// # Errors
    /// If the server broke down.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        // Where nobody hears it, it has stopped already.
        let _ = self.stop.write_all(&[0]);
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the recorder panicked")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever wants to know says `stop`.
        let _ = self.end();
    }
}
