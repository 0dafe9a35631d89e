//! What the process needs before the loop begins.

use std::ffi::c_int;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::sockets::Sockets;
use crate::config::Config;
use crate::credentials::CredentialsError;
use crate::listener;
use crate::tls;
use crate::transport;

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Control(#[from] listener::BindError),
    #[error("sip.address: {0}")]
    Sip(transport::BindError),
    #[error("sip.other_address: {0}")]
    OtherSip(transport::BindError),
    #[error("sip.tls_address: {0}")]
    SipTls(transport::BindError),
    #[error("{0}")]
    Tls(#[from] tls::LoadError),
    #[error("media.ports: {0}")]
    MediaPorts(io::Error),
    #[error(
        "media.ports: {needed} open files are needed, and the system allows {allowed}: \
         allow more (LimitNOFILE= in a systemd unit, or ulimit -n), or narrow the range"
    )]
    OpenFiles { needed: u64, allowed: u64 },
    #[error("the system does not give us {what}: {error}")]
    System {
        what: &'static str,
        error: io::Error,
    },
}

/// Lets the process have as many files open as the configuration can need.
pub(super) fn raise_file_limit(config: &Config) -> Result<(), StartError> {
    /// Files of the runtime, the loop and the threads.
    const OTHERS: u64 = 64;
    let addresses = config.media.addresses().len() as u64;
    let media = 2 * addresses * u64::from(config.media.ports.pairs());
    let needed = media + (listener::TOKENS + Sockets::TOKENS) as u64 + OTHERS;
    let system = |error: nix::Error| StartError::System {
        what: "its limit of open files",
        error: error.into(),
    };
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(system)?;
    if now >= needed {
        return Ok(());
    }
    if most < needed {
        return Err(StartError::OpenFiles {
            needed,
            allowed: most,
        });
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed, most).map_err(system)
}

/// What asks the process to end.
pub(super) const ENDING: &[c_int] = &[SIGTERM, SIGINT];
/// What asks it to read its certificates anew.
pub(super) const RELOADING: &[c_int] = &[SIGHUP];

/// Says what an operator should not overlook.
pub(super) fn warn(config: &Config) {
    let recorders = config.recorders.iter();
    for recorder in recorders.filter(|recorder| recorder.speaks_tls() && !recorder.tls.verify) {
        tracing::warn!(
            recorder = recorder.id.as_str(),
            "tls.verify is false: whoever answers at its address is told everything"
        );
    }
}

/// A stream that becomes readable when one of these signals has come.
pub(super) fn signals(
    signals: &[c_int],
    registry: &Registry,
    token: Token,
) -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    for signal in signals {
        pipe::register(*signal, writer.try_clone()?)?;
    }
    let fd = reader.as_raw_fd();
    registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
    Ok(reader)
}

/// Empties such a stream.
pub(super) fn drain(signals: &mut UnixStream) {
    let mut bytes = [0; 64];
    while matches!(signals.read(&mut bytes), Ok(count) if count > 0) {}
}
