//! What we need to open connections to one peer: whom we believe there, and who we are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::{ClientConfig, ClientConnection};

use super::certificate::Certificate;
use super::clock::Clock;
use super::files::{self, RevocationLists};
use super::verify::{Trust, Verifier};
use super::{VERSIONS, provider};
use crate::config::{Authority, Recorder, Tls as Section};

/// Settings for connections to one peer.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    trust: Arc<Trust>,
    /// Whom the peer's certificate must name.
    name: ServerName<'static>,
    /// Whether it is verified at all.
    verify: bool,
}

/// What becomes known of the other end of one connection.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    chain: Arc<Mutex<Vec<Certificate>>>,
    /// The name that its certificate must have.
    pub name: String,
    /// Nobody verifies it.
    pub blind: bool,
}

/// What TLS shows of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The protocol and the cipher suite, once they are agreed on.
    pub agreed: Option<(&'static str, String)>,
    /// The peer's certificates, its own first, as far as it has shown them.
    pub chain: Vec<Certificate>,
    /// Whether they were verified, or nobody cares.
    pub verified: bool,
}

impl Client {
    /// Begins a connection.
    pub(crate) fn open(&self) -> Result<(ClientConnection, Witness), rustls::Error> {
        let witness = Witness {
            chain: Arc::default(),
            name: self.name.to_str().into_owned(),
            blind: !self.verify,
        };
        let verifier = Verifier::new(&self.trust, witness.blind, &witness.chain);
        let mut config = ClientConfig::clone(&self.config);
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(verifier));
        let connection = ClientConnection::new(Arc::new(config), self.name.clone())?;
        Ok((connection, witness))
    }
}

impl Witness {
    /// The peer's certificates, as far as it has shown them.
    pub(crate) fn chain(&self) -> Vec<Certificate> {
        let chain = self.chain.lock();
        chain.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What several recorders share, so that each file is read once.
pub(super) struct Store<'a> {
    section: &'a Section,
    lists: Arc<RevocationLists>,
    authorities: BTreeMap<Authority, Vec<TrustAnchor<'static>>>,
}

impl<'a> Store<'a> {
    pub(super) fn new(section: &'a Section, findings: &mut Vec<String>) -> Self {
        let mut lists = RevocationLists::default();
        for path in &section.revocation_lists {
            if let Err(why) = lists.read(path) {
                findings.push(format!("tls.revocation_lists: {why}"));
            }
        }
        Self {
            section,
            lists: Arc::new(lists),
            authorities: BTreeMap::new(),
        }
    }

    /// The revocation lists.
    pub(super) fn lists(&self) -> &RevocationLists {
        &self.lists
    }

    /// For a recorder that is spoken to by TLS. What is wrong with its files becomes a finding.
    pub(super) fn client(
        &mut self,
        recorder: &Recorder,
        clock: &Clock,
        findings: &mut Vec<String>,
    ) -> Option<Client> {
        let before = findings.len();
        let provider = provider();
        let trust = Arc::new(Trust {
            anchors: self.believed(recorder, findings),
            lists: Arc::clone(&self.lists),
            algorithms: provider.signature_verification_algorithms,
        });
        let verify = recorder.tls.verify;
        let verifier = Verifier::new(&trust, !verify, &Arc::default());
        let config = ClientConfig::builder_with_details(provider, Arc::new(clock.clone()))
            .with_protocol_versions(VERSIONS)
            .expect("the provider has cipher suites for both versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match self.identity(recorder) {
            Ok(None) => Ok(config.with_no_client_auth()),
            Ok(Some((at, (chain, key)))) => {
                let config = config.with_client_auth_cert(chain, key);
                config.map_err(|error| unfit(&at, &error))
            }
            Err(why) => Err(why),
        };
        let config = config.map_err(|why| tell(findings, why)).ok();
        let mut config = config.filter(|_| findings.len() == before)?;
        // Each connection is verified: a list or a clock may say otherwise by now.
        config.resumption = Resumption::disabled();
        Some(Client {
            config: Arc::new(config),
            trust,
            name: recorder.server_name().ok()?,
            verify,
        })
    }

    /// Who may vouch for a recorder.
    fn believed(
        &mut self,
        recorder: &Recorder,
        findings: &mut Vec<String>,
    ) -> Vec<TrustAnchor<'static>> {
        let (at, authorities) = match &recorder.tls.authorities {
            Some(own) => (own_section(recorder), own),
            None => ("tls".to_owned(), &self.section.authorities),
        };
        let mut anchors = Vec::new();
        // Who is not verified needs nobody who vouches for it.
        for authority in authorities.iter().filter(|_| recorder.tls.verify) {
            match self.anchors(authority) {
                Ok(more) => anchors.extend_from_slice(more),
                Err(why) => tell(findings, format!("{at}.authorities: {why}")),
            }
        }
        anchors
    }

    /// Who we are to a recorder, and where that is said.
    fn identity(&self, recorder: &Recorder) -> Result<Option<(String, Identity)>, String> {
        let (own, shared) = (&recorder.tls, self.section);
        let own = own.certificate.as_deref().zip(own.key.as_deref());
        let shared = shared.certificate.as_deref().zip(shared.key.as_deref());
        let at = match own {
            Some(_) => own_section(recorder),
            None => "tls".to_owned(),
        };
        let files = own.or(shared);
        let loaded = files.map(|files| load(&at, files)).transpose()?;
        Ok(loaded.map(|identity| (at, identity)))
    }

    fn anchors(&mut self, authority: &Authority) -> Result<&[TrustAnchor<'static>], String> {
        if !self.authorities.contains_key(authority) {
            let anchors = match authority {
                Authority::System => system()?,
                Authority::File(path) => files::authorities(path)?,
            };
            self.authorities.insert(authority.clone(), anchors);
        }
        Ok(&self.authorities[authority])
    }
}

/// A certificate with its chain, and its key.
type Identity = (
    Vec<rustls::pki_types::CertificateDer<'static>>,
    rustls::pki_types::PrivateKeyDer<'static>,
);

/// Reads a certificate and its key.
pub(super) fn load(at: &str, (certificate, key): (&Path, &Path)) -> Result<Identity, String> {
    let chain =
        files::certificates(certificate).map_err(|why| format!("{at}.certificate: {why}"))?;
    let key = files::key(key).map_err(|why| format!("{at}.key: {why}"))?;
    Ok((chain, key))
}

/// Why a certificate and a key cannot be used together.
pub(super) fn unfit(at: &str, error: &rustls::Error) -> String {
    if matches!(error, rustls::Error::InconsistentKeys(_)) {
        format!(
            "{at}.key: it is not the key of {at}.certificate: name the files that belong together"
        )
    } else {
        format!("{at}.certificate: it cannot be used with its key: {error}")
    }
}

/// Where a recorder's own settings are said.
fn own_section(recorder: &Recorder) -> String {
    format!("recorder {}: tls", recorder.id)
}

/// Two recorders can have the same to complain of.
fn tell(findings: &mut Vec<String>, why: String) {
    if !findings.contains(&why) {
        findings.push(why);
    }
}

/// The authorities that the system trusts.
fn system() -> Result<Vec<TrustAnchor<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    let anchors = found.certs.iter().filter_map(|certificate| {
        let anchor = webpki::anchor_from_trusted_cert(certificate).ok()?;
        Some(anchor.to_owned())
    });
    let anchors: Vec<_> = anchors.collect();
    if anchors.is_empty() {
        return Err(
            "the system has no trusted authorities: install its package ca-certificates, or name \
             files instead of \"system\""
                .to_owned(),
        );
    }
    Ok(anchors)
}
