//! Whether a certificate is to be believed, and whether it is the right one (RFC 5922 §7).

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RevocationOptionsBuilder, UnknownStatusPolicy};

use super::certificate::Certificate;
use super::files::RevocationLists;

/// id-kp-sipDomain (RFC 5924 §4), as DER writes it.
const SIP_DOMAIN: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 20];
/// Certificates of a chain that are shown.
const CHAIN_MAX: usize = 10;

/// Whom we believe.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) lists: Arc<RevocationLists>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// Verifies the certificates of one connection, and remembers them.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Arc<Trust>,
    /// Whoever answers is believed.
    blind: bool,
    seen: Arc<Mutex<Vec<Certificate>>>,
}

impl Verifier {
    pub(super) fn new(
        trust: &Arc<Trust>,
        blind: bool,
        seen: &Arc<Mutex<Vec<Certificate>>>,
    ) -> Self {
        Self {
            trust: Arc::clone(trust),
            blind,
            seen: Arc::clone(seen),
        }
    }
}

impl Trust {
    /// Whether somebody whom we believe vouches for a server's certificate.
    fn check_chain(
        &self,
        end: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let lists: Vec<_> = self.lists.parsed.iter().collect();
        let check = |usage| {
            let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
                // An authority without a list has revoked nothing that we know of.
                let options = options.with_status_policy(UnknownStatusPolicy::Allow);
                options.build()
            });
            let (algorithms, anchors) = (self.algorithms.all, &self.anchors);
            let path = end.verify_for_usage(
                algorithms,
                anchors,
                intermediates,
                now,
                usage,
                revocation,
                None,
            );
            path.map(|_| ())
        };
        let for_sip = KeyUsage::required_if_present(SIP_DOMAIN);
        let result = match check(KeyUsage::server_auth()) {
            Err(webpki::Error::RequiredEkuNotFoundContext(_)) => check(for_sip),
            other => other,
        };
        result.map_err(refused)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = [end].into_iter().chain(intermediates).take(CHAIN_MAX);
        let chain = chain.filter_map(|der| Certificate::read(der));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = chain.collect();
        if !self.blind {
            let end = EndEntityCert::try_from(end).map_err(refused)?;
            self.trust.check_chain(&end, intermediates, now)?;
            check_name(&end, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.trust.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

/// Whether a certificate is that of the domain `name` (RFC 5922 §7.1 and §7.2), or of an address.
fn check_name(end: &EndEntityCert<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let domains: Vec<_> = end.valid_uri_names().filter_map(sip_domain).collect();
    let is_right = match name {
        // RFC 5922 §7.1: DNS names count only where no SIP URI names a domain; §7.2: no wildcards.
        ServerName::DnsName(domain) if domains.is_empty() => end
            .valid_dns_names()
            .any(|own| own.eq_ignore_ascii_case(domain.as_ref())),
        ServerName::DnsName(domain) => domains
            .iter()
            .any(|own| own.eq_ignore_ascii_case(domain.as_ref())),
        ServerName::IpAddress(address) => {
            let address = IpAddr::from(*address);
            domains.iter().any(|own| own.parse() == Ok(address))
                || end.verify_is_valid_for_subject_name(name).is_ok()
        }
        _ => false,
    };
    if is_right {
        return Ok(());
    }
    let presented = Certificate::read(&end.der()).map_or_else(Vec::new, |read| read.names);
    Err(Error::InvalidCertificate(
        CertificateError::NotValidForNameContext {
            expected: name.to_owned(),
            presented,
        },
    ))
}

/// The domain that a URI names, which has no user (RFC 5922 §7.1).
fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_domain = scheme.eq_ignore_ascii_case("sip") && !rest.contains('@');
    let bare = rest.split([';', '?']).next().unwrap_or_default();
    let host = match bare.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => bare.split(':').next(),
    };
    host.filter(|host| is_domain && !host.is_empty())
}

/// As the peer is told by its alert, and the operator in words.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what another crate can complain of is not ours to list"
)]
fn refused(error: webpki::Error) -> Error {
    use webpki::Error as Why;
    let why = match error {
        Why::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        Why::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        Why::CertRevoked => CertificateError::Revoked,
        Why::UnknownIssuer => CertificateError::UnknownIssuer,
        Why::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        Why::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        Why::BadDer | Why::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other))),
    };
    Error::InvalidCertificate(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_domain_or_it_does_not() {
        for (uri, domain) in [
            ("sip:example.com", Some("example.com")),
            ("SIP:example.com:5061;transport=tls", Some("example.com")),
            ("sip:[2001:db8::1]:5061", Some("2001:db8::1")),
            ("sip:rec@example.com", None),
            ("sips:example.com", None),
            ("https://example.com", None),
            ("sip:", None),
            ("example.com", None),
        ] {
            assert_eq!(sip_domain(uri), domain, "{uri}");
        }
    }
}
