//! The bytes of one connection: in clear, or within TLS.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::Arc;

use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::{ServerConfig, ServerConnection};

use crate::tls::{Client, Session, Witness, refusal};

/// Pieces that are taken from the network for one read: what brings no message has an end.
const PIECES_MAX: usize = 64;
/// Bytes that TLS keeps until the network takes them.
const BUFFER_BYTES: usize = 64 * 1024;

/// A stream that never waits.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    tls: Option<Box<Tls>>,
}

/// TLS at one end.
#[derive(Debug)]
struct Tls {
    connection: rustls::Connection,
    /// What becomes known of the other end.
    witness: Witness,
}

/// What reading has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// So many bytes.
    Some(usize),
    /// Nothing, but there may be more.
    Again,
    /// Nothing until an event says so.
    Nothing,
}

/// Why a stream is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The peer closed it, or the network lost it.
    Lost,
    /// TLS came to nothing, and why.
    Tls(String),
}

impl Stream {
    /// In clear.
    pub(super) const fn plain(tcp: TcpStream) -> Self {
        Self { tcp, tls: None }
    }

    /// We speak first.
    pub(super) fn client(tcp: TcpStream, client: &Client) -> io::Result<Self> {
        let (connection, witness) = client.open().map_err(io::Error::other)?;
        Ok(Self::tls(tcp, connection.into(), witness))
    }

    /// The peer speaks first.
    pub(super) fn server(tcp: TcpStream, config: &Arc<ServerConfig>) -> io::Result<Self> {
        let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Ok(Self::tls(tcp, connection.into(), Witness::default()))
    }

    fn tls(tcp: TcpStream, mut connection: rustls::Connection, witness: Witness) -> Self {
        connection.set_buffer_limit(Some(BUFFER_BYTES));
        let tls = Tls {
            connection,
            witness,
        };
        Self {
            tcp,
            tls: Some(Box::new(tls)),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.tcp.register(registry, token, interests)
    }

    /// Whether the network has connected it by now; an error is final.
    pub(super) fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.tcp.take_error()? {
            return Err(error);
        }
        match self.tcp.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether TLS is not agreed on yet.
    pub(super) fn is_handshaking(&self) -> bool {
        let tls = self.tls.as_ref();
        tls.is_some_and(|tls| tls.connection.is_handshaking())
    }

    /// Goes on with the handshake as far as that is possible.
    pub(super) fn shake_hands(
        &mut self,
        readable: &mut bool,
        writable: &mut bool,
    ) -> Result<(), Broken> {
        self.drain(writable)?;
        while self.is_handshaking() && *readable {
            self.take(readable)?;
            self.drain(writable)?;
        }
        Ok(())
    }

    /// Reads into `scratch`. Clears `readable` where the network has nothing more now.
    pub(super) fn read(&mut self, scratch: &mut [u8], readable: &mut bool) -> Result<Read, Broken> {
        let Some(tls) = &mut self.tls else {
            if !*readable {
                return Ok(Read::Nothing);
            }
            return match self.tcp.read(scratch) {
                Ok(0) => Err(Broken::Lost),
                Ok(count) => Ok(Read::Some(count)),
                Err(error) => may_pass(&error, readable),
            };
        };
        for _ in 0..PIECES_MAX {
            match tls.connection.reader().read(scratch) {
                Ok(0) => return Err(Broken::Lost),
                Ok(count) => return Ok(Read::Some(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The peer has closed the network's connection without a word.
                Err(_) => return Err(Broken::Lost),
            }
            if !*readable {
                return Ok(Read::Nothing);
            }
            tls.take(&mut self.tcp, readable)?;
        }
        Ok(Read::Again)
    }

    /// Writes a part of `chunk`. Clears `writable` where the network takes no more now.
    pub(super) fn write(&mut self, chunk: &[u8], writable: &mut bool) -> Result<usize, Broken> {
        let Some(tls) = &mut self.tls else {
            return match self.tcp.write(chunk) {
                Ok(count) => Ok(count),
                Err(error) => may_pass(&error, writable).map(|_| 0),
            };
        };
        let count = tls.connection.writer().write(chunk);
        let count = count.map_err(|_| Broken::Lost)?;
        self.drain(writable)?;
        Ok(count)
    }

    /// Writes what TLS itself has to say.
    pub(super) fn drain(&mut self, writable: &mut bool) -> Result<(), Broken> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while *writable && tls.connection.wants_write() {
            if let Err(error) = tls.connection.write_tls(&mut self.tcp) {
                may_pass(&error, writable)?;
            }
        }
        Ok(())
    }

    /// Says goodbye, as far as the network takes that at once.
    pub(super) fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.connection.send_close_notify();
            // Whoever does not read now learns it by the end of the connection.
            let _ = self.drain(&mut true);
        }
    }

    /// What TLS shows of the connection; `None` where it is in clear.
    pub(super) fn session(&self) -> Option<Session> {
        self.tls.as_ref().map(|tls| tls.session())
    }

    fn take(&mut self, readable: &mut bool) -> Result<(), Broken> {
        match &mut self.tls {
            Some(tls) => tls.take(&mut self.tcp, readable),
            None => Ok(()),
        }
    }
}

impl Tls {
    /// Takes what the network has.
    fn take(&mut self, tcp: &mut TcpStream, readable: &mut bool) -> Result<(), Broken> {
        match self.connection.read_tls(tcp) {
            Ok(0) if self.connection.is_handshaking() => return Err(Broken::Lost),
            Ok(_) => {}
            Err(error) => return may_pass(&error, readable).map(|_| ()),
        }
        if let Err(error) = self.connection.process_new_packets() {
            // The alert that says so goes out, if it can.
            let _ = self.connection.write_tls(tcp);
            return Err(Broken::Tls(refusal(&error, &self.witness)));
        }
        Ok(())
    }

    fn session(&self) -> Session {
        let version = self.connection.protocol_version();
        let suite = self.connection.negotiated_cipher_suite();
        let agreed = version.zip(suite).map(|(version, suite)| {
            let is_13 = version == rustls::ProtocolVersion::TLSv1_3;
            let version = if is_13 { "TLS 1.3" } else { "TLS 1.2" };
            (version, format!("{:?}", suite.suite()))
        });
        Session {
            agreed,
            chain: self.witness.chain(),
            verified: !self.witness.blind,
        }
    }
}

/// What an error of the network means: that it can do no more now, or that the stream is lost.
fn may_pass(error: &io::Error, able: &mut bool) -> Result<Read, Broken> {
    let kind = error.kind();
    *able &= kind != ErrorKind::WouldBlock;
    if !*able {
        Ok(Read::Nothing)
    } else if kind == ErrorKind::Interrupted {
        Ok(Read::Again)
    } else {
        Err(Broken::Lost)
    }
}
