//! `sixreel serve`

use std::io;
use std::panic;
use std::path::PathBuf;
use std::process;

use clap::{Args, ValueEnum};
use nix::sys::resource::{Resource, setrlimit};
use sixreel_controlplane::config::Config;
use sixreel_controlplane::event_loop::EventLoop;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

use crate::failure::Failure;

/// The server's arguments.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What is logged, to standard error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: Level,
}

const EXAMPLE: &str = "\
The shortest configuration:
  [sip]
  address = \"192.0.2.10:5060\"
  [media]
  address = \"192.0.2.10\"
  [[recorder]]
  id = \"west\"
  uri = \"sip:recorder@192.0.2.20\"

SIGTERM and SIGINT end every recording with BYE, and then the server, within 2 s. SIGHUP has the
certificates, keys and authorities read anew; calls go on.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Serve {
    /// Runs the server until a signal ends it.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let _log = start_log(self.log);
        let path = self.config.display();
        let text = std::fs::read_to_string(&self.config)
            .map_err(|error| Failure::Server(format!("{path}: {error}")))?;
        let config = Config::parse(&text)
            .map_err(|findings| Failure::Server(format!("{path}:\n{findings}")))?;
        abort_on_panic();
        leave_no_core()?;
        let server = EventLoop::start(&config)
            .map_err(|error| Failure::Server(format!("{path}: {error}")))?;
        tracing::info!(
            socket = %config.control.socket.display(),
            sip = %config.sip.address,
            recorders = config.recorders.len(),
            "ready"
        );
        server
            .run()
            .map_err(|error| Failure::Server(format!("the event queue failed: {error}")))
    }
}

/// Logs to standard error by a thread of its own: nobody waits for whoever reads it.
fn start_log(level: Level) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .finish(io::stderr());
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_max_level(level)
        .with_target(false)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
    guard
}

/// What is in memory are keys and what people say: it is not written to a disk, whatever happens.
fn leave_no_core() -> Result<(), Failure> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
        .map_err(|error| Failure::Server(format!("core dumps cannot be forbidden: {error}")))
}

/// A panic is our bug. A server that lost one of its threads would record nothing and not say so:
/// it ends, and whoever watches over it starts it anew.
fn abort_on_panic() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        tell(info);
        process::abort();
    }));
}
