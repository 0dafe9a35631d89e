//! Certificates, keys and revocation lists as files: PEM (RFC 7468).

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, TrustAnchor};
use webpki::{CertRevocationList, OwnedCertRevocationList};
use zeroize::Zeroizing;

/// The longest file of certificates or of a key.
const FILE_MAX: u64 = 4 * 1024 * 1024;
/// The longest revocation list.
const LIST_MAX: u64 = 64 * 1024 * 1024;

/// The certificates of a file, in its order.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    parse(path, FILE_MAX, "certificate", "CERTIFICATE")
}

/// The authorities of a file.
pub(super) fn authorities(path: &Path) -> Result<Vec<TrustAnchor<'static>>, String> {
    let certificates = certificates(path)?;
    let anchor = |(at, certificate): (usize, &CertificateDer<'static>)| {
        let anchor = webpki::anchor_from_trusted_cert(certificate);
        let anchor = anchor.map(|anchor| anchor.to_owned());
        anchor.map_err(|error| {
            let (path, number) = (path.display(), at + 1);
            format!("{path}: certificate {number} of the file cannot be read: {error}")
        })
    };
    certificates.iter().enumerate().map(anchor).collect()
}

/// Whose certificates are not valid any more.
#[derive(Debug, Default)]
pub(super) struct RevocationLists {
    /// As they were read,
    pub(super) ders: Vec<CertificateRevocationListDer<'static>>,
    /// and as they are used.
    pub(super) parsed: Vec<CertRevocationList<'static>>,
}

impl RevocationLists {
    /// Adds the lists of a file.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), String> {
        let lists: Vec<CertificateRevocationListDer<'static>> =
            parse(path, LIST_MAX, "revocation list", "X509 CRL")?;
        for list in &lists {
            let parsed = OwnedCertRevocationList::from_der(list).map_err(|error| {
                let path = path.display();
                format!("{path}: the revocation list cannot be read: {error}")
            })?;
            self.parsed.push(CertRevocationList::Owned(parsed));
        }
        self.ders.extend(lists);
        Ok(())
    }
}

/// The private key of a file that nobody but its owner can read.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let shown = path.display();
    let unreadable = |error| format!("{shown}: it cannot be read: {error}");
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "{shown}: others than its owner can read or write the key: chmod 600 {shown}"
        ));
    }
    let text = Zeroizing::new(read(file, FILE_MAX).map_err(unreadable)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let why = complaint(&error);
        format!("{shown}: {why}: it must hold one unencrypted PRIVATE KEY in PEM")
    })
}

fn parse<T: PemObject>(path: &Path, max: u64, what: &str, label: &str) -> Result<Vec<T>, String> {
    let shown = path.display();
    let text = File::open(path)
        .and_then(|file| read(file, max))
        .map_err(|error| format!("{shown}: it cannot be read: {error}"))?;
    let found: Result<Vec<_>, _> = T::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| {
        let why = complaint(&error);
        format!("{shown}: {why}: it must be PEM with BEGIN {label}")
    })?;
    if found.is_empty() {
        return Err(format!(
            "{shown}: it holds no {what}: it must be PEM with BEGIN {label}"
        ));
    }
    Ok(found)
}

fn read(file: File, max: u64) -> io::Result<Vec<u8>> {
    // Room for all of it, so that no copy of a key is left behind by growing.
    let length = file.metadata()?.len().min(max);
    let mut bytes = Vec::with_capacity(length as usize + 1);
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other(format!("it is longer than {max} bytes")));
    }
    Ok(bytes)
}

/// What is wrong with PEM, without a word of what it holds.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what another crate can complain of is not ours to list"
)]
fn complaint(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section does not end",
        pem::Error::IllegalSectionStart { .. } => "a section does not begin as it should",
        pem::Error::Base64Decode(_) => "a section is no base64",
        _ => "there is nothing in it that is looked for",
    }
}
