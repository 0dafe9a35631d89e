//! Why a command failed, and its exit code.

use std::io::{self, Write};

use serde_json::Value;

use crate::client::ClientError;
use crate::output::plain;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The server refused: its problem (RFC 9457).
    Refused(Value),
    /// The server is not well, and says why.
    Degraded,
    /// The server could not be talked to.
    Client(ClientError),
    /// The server could not start, or broke down: why, and what to do about it.
    Server(String),
    /// The output could not be written.
    Output(io::Error),
}

impl Failure {
    /// 1: refused or not well. 3: no server. Usage errors have 2, from the argument parser.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Degraded | Self::Server(_) => 1,
            Self::Client(_) => 3,
            // Whoever read the output has seen enough: `sixreel events | head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 1,
        }
    }

    /// Tells a person: what happened, and what to do about it.
    pub(crate) fn explain(&self, err: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Refused(problem) => {
                write!(err, "error: {}", plain(&problem["detail"]))?;
                if let Value::String(_) = problem["field"] {
                    write!(err, " (field {})", plain(&problem["field"]))?;
                }
                writeln!(err, "\n  {}", plain(&problem["remedy"]))
            }
            Self::Degraded => Ok(()),
            Self::Server(why) => writeln!(err, "error: {why}"),
            Self::Client(error) => {
                writeln!(err, "error: {error}")?;
                if let ClientError::Unreachable { .. } = error {
                    writeln!(
                        err,
                        "  start the server, or name its socket with --socket PATH"
                    )?;
                }
                Ok(())
            }
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Self::Output(error) => writeln!(err, "error: cannot write the output: {error}"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
