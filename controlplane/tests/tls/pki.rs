//! Authorities and certificates.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use sixreel_controlplane::time::Wall;

/// The moment at which the tests take place: 2026-06-01.
pub(crate) const NOW: Wall = Wall(1_780_272_000_000);
/// A year later.
pub(crate) const LATER: Wall = Wall(NOW.0 + 365 * 86_400_000);

/// A folder of certificates.
pub(crate) struct Pki {
    dir: tempfile::TempDir,
}

/// An authority, whose certificate is in a file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
}

/// A certificate and its key in files.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn authority(&self, name: &str) -> Authority {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority {
            file: self.write(&format!("{name}.pem"), &certificate.pem()),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate with these names, as in `URI:sip:a.example`, by that authority.
    pub(crate) fn issue(&self, by: &Authority, name: &str, names: &[&str]) -> Identity {
        let params = params(name, names);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &by.issuer).unwrap();
        self.keep(name, &certificate.pem(), &key)
    }

    /// A certificate that nobody vouches for.
    pub(crate) fn self_signed(&self, name: &str, names: &[&str], is_ca: bool) -> Identity {
        let mut params = params(name, names);
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.keep(name, &certificate.pem(), &key)
    }

    /// A list in which an authority revokes the certificate of that name.
    pub(crate) fn revoke(&self, by: &Authority, name: &str) -> PathBuf {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 5, 1),
            next_update: date_time_ymd(2026, 7, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: serial(name),
                revocation_time: date_time_ymd(2026, 5, 1),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&by.issuer).unwrap();
        self.write(&format!("{name}.crl"), &list.pem().unwrap())
    }

    fn keep(&self, name: &str, certificate: &str, key: &KeyPair) -> Identity {
        Identity {
            certificate: self.write(&format!("{name}.pem"), certificate),
            key: self.write(&format!("{name}.key"), &key.serialize_pem()),
        }
    }
}

impl Identity {
    pub(crate) fn files(&self) -> (&Path, &Path) {
        (&self.certificate, &self.key)
    }

    /// As lines of a configuration.
    pub(crate) fn toml(&self) -> String {
        let (certificate, key) = self.files();
        format!("certificate = {certificate:?}\nkey = {key:?}\n")
    }
}

fn serial(name: &str) -> SerialNumber {
    SerialNumber::from_slice(name.as_bytes())
}

/// Valid in the first half of 2026 and for some months more.
fn params(name: &str, names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 12, 31);
    params.serial_number = Some(serial(name));
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = names.iter().map(|name| alternative(name)).collect();
    params
}

fn alternative(name: &str) -> SanType {
    let (kind, value) = name.split_once(':').unwrap();
    match kind {
        "URI" => SanType::URI(value.try_into().unwrap()),
        "DNS" => SanType::DnsName(value.try_into().unwrap()),
        "IP" => SanType::IpAddress(value.parse::<IpAddr>().unwrap()),
        other => panic!("{other}"),
    }
}
