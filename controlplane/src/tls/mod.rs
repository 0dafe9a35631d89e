//! TLS for SIP: whom we believe, who we are, and what an operator is told when it comes to nothing.
//!
//! Everything here is made of files before a connection needs it. To take new files over is to make
//! a new `Tls`: connections that are there keep what they were opened with.

/// What a certificate says.
pub mod certificate;
/// What we need to open connections to one peer.
mod client;
/// The wall clock that certificates are held against.
mod clock;
/// Certificates, keys and revocation lists as files.
mod files;
/// What went wrong, and what to do about it.
mod refusal;
/// What we need to be connected to.
mod server;
/// Whether a certificate is to be believed, and whether it is the right one.
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::client::{Client, Session, Witness};
pub use self::clock::Clock;
use self::files::RevocationLists;
pub use self::refusal::refusal;
use crate::config::{Config, Tls as Section};
use crate::sip::flow::TlsSettings;

/// Everything that TLS connections are made with.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// By the recorders' places; `None` where no TLS is spoken.
    clients: Vec<Option<Client>>,
    server: Option<Arc<rustls::ServerConfig>>,
}

/// Everything that is wrong with the files, one finding a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(Vec<String>);

impl Tls {
    /// Reads every file that a configuration names which was checked.
    ///
    /// # Errors
    /// What is wrong with which file, and what to do about it.
    pub fn load(config: &Config, clock: &Clock) -> Result<Self, LoadError> {
        let mut findings = Vec::new();
        let mut store = client::Store::new(&config.tls, &mut findings);
        let clients = config.recorders.iter().map(|recorder| {
            let wanted = recorder.speaks_tls();
            wanted.then(|| store.client(recorder, clock, &mut findings))?
        });
        let clients = clients.collect();
        let Section {
            certificate,
            key,
            client_authorities,
            ..
        } = &config.tls;
        let server = match (config.sip.tls_address, certificate, key) {
            (Some(_), Some(certificate), Some(key)) => {
                let files = (certificate.as_path(), key.as_path());
                server::config(
                    files,
                    client_authorities,
                    store.lists(),
                    clock,
                    &mut findings,
                )
            }
            _ => None,
        };
        finish(Self { clients, server }, findings)
    }

    /// For a program that is connected to, and connects to nobody. Where `client_authorities` has
    /// files, a peer must show a certificate that one of them vouches for.
    ///
    /// # Errors
    /// What is wrong with which file, and what to do about it.
    pub fn server(
        files: (&Path, &Path),
        client_authorities: &[PathBuf],
        clock: &Clock,
    ) -> Result<Self, LoadError> {
        let mut findings = Vec::new();
        let lists = RevocationLists::default();
        let server = server::config(files, client_authorities, &lists, clock, &mut findings);
        let clients = Vec::new();
        finish(Self { clients, server }, findings)
    }

    /// What connections under these settings are opened with.
    pub(crate) fn client(&self, settings: TlsSettings) -> Option<&Client> {
        match settings {
            TlsSettings::Listener => None,
            TlsSettings::Recorder(index) | TlsSettings::Trial(index) => {
                self.clients.get(usize::from(index))?.as_ref()
            }
        }
    }

    /// What connections are accepted with.
    pub(crate) fn acceptor(&self) -> Option<&Arc<rustls::ServerConfig>> {
        self.server.as_ref()
    }
}

fn finish(tls: Tls, findings: Vec<String>) -> Result<Tls, LoadError> {
    if findings.is_empty() {
        Ok(tls)
    } else {
        Err(LoadError(findings))
    }
}

/// The cryptography that we use.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// RFC 7866 §12 asks for TLS 1.2; RFC 9325 §3.1.1 forbids what is older.
const VERSIONS: &[&rustls::SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for LoadError {}
