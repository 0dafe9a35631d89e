//! What we need to be connected to: our certificate, and whose certificates we want to see.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};

use super::client::{load, unfit};
use super::clock::Clock;
use super::files::{self, RevocationLists};
use super::{VERSIONS, provider};

/// Settings for connections to us, from files. What is wrong with them becomes a finding.
pub(super) fn config(
    files: (&Path, &Path),
    client_authorities: &[PathBuf],
    lists: &RevocationLists,
    clock: &Clock,
    findings: &mut Vec<String>,
) -> Option<Arc<ServerConfig>> {
    let made = clients(client_authorities, lists).and_then(|clients| {
        let (chain, key) = load("tls", files)?;
        let config = ServerConfig::builder_with_details(provider(), Arc::new(clock.clone()))
            .with_protocol_versions(VERSIONS)
            .expect("the provider has cipher suites for both versions");
        let config = match clients {
            Some(clients) => config.with_client_cert_verifier(clients),
            None => config.with_no_client_auth(),
        };
        let config = config.with_single_cert(chain, key);
        config.map_err(|error| unfit("tls", &error))
    });
    match made {
        Ok(mut config) => {
            // Each connection is verified: a list or a clock may say otherwise by now.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Some(Arc::new(config))
        }
        Err(why) => {
            if !findings.contains(&why) {
                findings.push(why);
            }
            None
        }
    }
}

/// Who may connect to us, where not everybody may.
fn clients(
    authorities: &[PathBuf],
    lists: &RevocationLists,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if authorities.is_empty() {
        return Ok(None);
    }
    let at = "tls.client_authorities";
    let mut roots = rustls::RootCertStore::empty();
    for path in authorities {
        roots.extend(files::authorities(path).map_err(|why| format!("{at}: {why}"))?);
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    if !lists.ders.is_empty() {
        // An authority without a list has revoked nothing that we know of.
        verifier = verifier
            .with_crls(lists.ders.iter().cloned())
            .allow_unknown_revocation_status();
    }
    let verifier = verifier.build().map_err(|error| format!("{at}: {error}"))?;
    Ok(Some(verifier))
}
