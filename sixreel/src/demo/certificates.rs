//! Certificates for the occasion: an authority, and who is who among the programs.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rcgen::{Error, SanType};

/// An authority that lives as long as the demonstration is set up.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// A new one, whose certificate is in `folder`.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = "the demonstration's authority";
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(other)?;
        let certificate = params.self_signed(&key).map_err(other)?;
        fs::write(certificate_of(folder, "authority"), certificate.pem())?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            folder: folder.to_owned(),
        })
    }

    /// Issues a certificate to whoever is at that address.
    pub(super) fn issue(&self, name: &str, address: IpAddr) -> io::Result<()> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(address)];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(other)?;
        fs::write(certificate_of(&self.folder, name), certificate.pem())?;
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(key_of(&self.folder, name))?;
        io::Write::write_all(&mut file, key.serialize_pem().as_bytes())
    }
}

/// Where somebody's certificate is.
pub(super) fn certificate_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.pem"))
}

/// Where somebody's key is.
pub(super) fn key_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.key"))
}

fn other(error: Error) -> io::Error {
    io::Error::other(format!("no certificate can be made: {error}"))
}
