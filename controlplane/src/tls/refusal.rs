//! What went wrong, and what to do about it: one sentence for each way in which TLS comes to
//! nothing.

use rustls::{AlertDescription as Alert, CertificateError, Error};

use super::certificate::Certificate;
use super::client::Witness;
use crate::time::Wall;

/// Why TLS with a recorder came to nothing, and the remedy, in a sentence for the operator.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what another crate can complain of is not ours to list"
)]
pub fn refusal(error: &Error, witness: &Witness) -> String {
    match error {
        Error::InvalidCertificate(why) => certificate(why, witness),
        Error::AlertReceived(alert) => refused(*alert),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => {
            "the recorder does not speak TLS at that port: see whether the port is right, which \
             for TLS is 5061 unless the recorder's operator says otherwise"
                .to_owned()
        }
        Error::PeerIncompatible(why) => format!(
            "the recorder's TLS has nothing in common with ours ({why:?}): it must speak TLS 1.2 \
             or 1.3 with a modern cipher suite"
        ),
        other => format!("TLS with the recorder failed: {other}"),
    }
}

/// What is wrong with a certificate of the recorder.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what another crate can complain of is not ours to list"
)]
fn certificate(why: &CertificateError, witness: &Witness) -> String {
    let chain = witness.chain();
    let wall = |time: rustls::pki_types::UnixTime| {
        Wall(i64::try_from(time.as_secs()).unwrap_or_default() * 1000).rfc3339()
    };
    if chain.first().is_some_and(Certificate::is_self_signed) && is_of_issuer(why) {
        return "the recorder's certificate is signed by itself, so nobody vouches for it: have an \
                authority issue one that is no authority's own (basicConstraints CA:FALSE), and \
                add that authority's certificate to tls.authorities"
            .to_owned();
    }
    match why {
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the recorder's certificate, or that of an authority above it, has expired at {}: have \
             it renewed",
            wall(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the recorder's certificate is not valid before {}: see whether the clocks of both \
             machines are right",
            wall(*not_before)
        ),
        CertificateError::Revoked => {
            "the recorder's certificate, or that of an authority above it, is revoked by a list of \
             tls.revocation_lists: have a new one issued"
                .to_owned()
        }
        CertificateError::UnknownIssuer => {
            let issuer = chain.last().map_or("somebody", |last| last.issuer.as_str());
            format!(
                "the recorder's certificate is vouched for by {issuer:?}, whom we do not believe: \
                 where that is right, add that authority's certificate to tls.authorities"
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            not_for_name(presented, &witness.name)
        }
        CertificateError::InvalidPurpose => {
            "the recorder's certificate is not made for servers: have one issued with the extended \
             key usage serverAuth"
                .to_owned()
        }
        other => format!("the recorder's certificate cannot be used ({other}): have it replaced"),
    }
}

/// Whether the reason is who has issued it.
const fn is_of_issuer(why: &CertificateError) -> bool {
    matches!(
        why,
        CertificateError::UnknownIssuer | CertificateError::Other(_)
    )
}

fn not_for_name(presented: &[String], name: &str) -> String {
    let mut names = presented.join(", ");
    if names.is_empty() {
        names.push_str("nobody (it has no subjectAltName)");
    }
    let wildcards = if presented.iter().any(|name| name.starts_with("DNS:*.")) {
        " (in SIP, a wildcard stands for nothing: RFC 5922 §7.2)"
    } else {
        ""
    };
    format!(
        "the recorder's certificate is for {names}, and not for {name}{wildcards}: have it issued \
         for {name}, or set the recorder's tls.server_name to the name that it must have"
    )
}

/// What an alert of the recorder means.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what another crate can complain of is not ours to list"
)]
fn refused(alert: Alert) -> String {
    let why = match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            "the recorder wants our certificate, and we have none for it: set tls.certificate and \
             tls.key"
        }
        Alert::UnknownCA => {
            "the recorder does not believe who issued our certificate: have that authority added \
             there, or set tls.certificate to a certificate that it believes"
        }
        Alert::CertificateExpired => {
            "the recorder says that our certificate has expired: renew tls.certificate"
        }
        Alert::CertificateRevoked => {
            "the recorder says that our certificate is revoked: have a new tls.certificate issued"
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::AccessDenied => {
            "the recorder refuses our certificate: see its log for the reason, and whether \
             tls.certificate is the one that it expects"
        }
        Alert::HandshakeFailure => {
            "the recorder refuses the handshake: it may want a certificate of ours \
             (tls.certificate and tls.key), or cipher suites that we do not have; see its log"
        }
        Alert::ProtocolVersion | Alert::InsufficientSecurity => {
            "the recorder's TLS has nothing in common with ours: it must speak TLS 1.2 or 1.3 with \
             a modern cipher suite"
        }
        Alert::UnrecognisedName => {
            "the recorder has no certificate for the name that we ask for: set the recorder's \
             tls.server_name to the name that it has"
        }
        other => return format!("the recorder refuses TLS by the alert {other:?}: see its log"),
    };
    why.to_owned()
}
