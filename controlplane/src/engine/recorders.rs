//! What is known of the recorders: where they are, and how they fared.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Due;
use crate::config;
use crate::control::view::{EventKind, EventView};
use crate::deadlines::Deadlines;
use crate::recorder::Recorder;
use crate::sip::digest::Credentials;
use crate::sip::host::Host;
use crate::time::{Now, Wall};
use crate::turn::Output;

/// How long an address is believed before it is looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);

/// The recorders, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Recorders {
    all: Vec<Arc<Recorder>>,
    addresses: Vec<Result<SocketAddr, String>>,
    fates: Vec<Fate>,
}

/// How a recorder fared.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    pub(super) last_established: Option<Wall>,
    pub(super) last_failure: Option<Wall>,
    pub(super) last_error: Option<String>,
}

impl Recorders {
    pub(super) fn new(configs: &[config::Recorder]) -> Self {
        let recorder = |(index, config)| Arc::new(Recorder::new(index, config));
        let all: Vec<_> = configs.iter().enumerate().map(recorder).collect();
        Self {
            addresses: all.iter().map(|recorder| known(recorder)).collect(),
            fates: vec![Fate::default(); all.len()],
            all,
        }
    }

    /// Each one's, in their order; before the first call.
    pub(super) fn set_credentials(&mut self, credentials: Vec<Option<Arc<Credentials>>>) {
        for (recorder, credentials) in self.all.iter_mut().zip(credentials) {
            Arc::make_mut(recorder).credentials = credentials;
        }
    }

    pub(super) fn all(&self) -> &[Arc<Recorder>] {
        &self.all
    }

    pub(super) fn addresses(&self) -> &[Result<SocketAddr, String>] {
        &self.addresses
    }

    pub(super) fn fate(&self, index: usize) -> &Fate {
        &self.fates[index]
    }

    /// Looks up every recorder that has a name.
    pub(super) fn start(&self, now: Now, deadlines: &mut Deadlines<Due>, out: &mut Vec<Output>) {
        for index in 0..self.all.len() {
            self.resolve(index, now, deadlines, out);
        }
    }

    /// Looks up a recorder that has a name, and again after a while.
    pub(super) fn resolve(
        &self,
        index: usize,
        now: Now,
        deadlines: &mut Deadlines<Due>,
        out: &mut Vec<Output>,
    ) {
        if let Host::Name(host) = &self.all[index].uri.host {
            out.push(Output::Resolve {
                recorder: index,
                host: host.clone(),
            });
            deadlines.set(Due::Recorder(index), Some(now.mono + RESOLVE_EVERY));
        }
    }

    /// How many deadlines the recorders have.
    pub(super) fn deadlines(&self) -> usize {
        let named = |recorder: &&Arc<Recorder>| matches!(recorder.uri.host, Host::Name(_));
        self.all.iter().filter(named).count()
    }

    /// Notes what was looked up; returns whether a recorder was found that was not known before.
    /// An address that was known stays known while its name cannot be looked up.
    pub(super) fn resolved(
        &mut self,
        index: usize,
        result: Result<Vec<SocketAddr>, String>,
        want_v4: bool,
    ) -> bool {
        let known = &mut self.addresses[index];
        let host = &self.all[index].uri.host;
        let found = result.and_then(|addresses| {
            let usable = addresses.into_iter().find(|a| a.is_ipv4() == want_v4);
            let family = if want_v4 { "IPv4" } else { "IPv6" };
            usable.ok_or_else(|| format!("{host} has no {family} address, which sip.address is"))
        });
        match (found, known.is_ok()) {
            (Ok(mut address), was_known) => {
                address.set_port(self.all[index].port());
                *known = Ok(address);
                !was_known
            }
            (Err(why), false) => {
                *known = Err(why);
                false
            }
            (Err(_), true) => false,
        }
    }

    /// Notes an event about a recorder.
    pub(super) fn note(&mut self, event: &EventView, now: Wall) {
        let index = self
            .all
            .iter()
            .position(|r| Some(&r.id) == event.recorder.as_ref());
        let Some(fate) = index.map(|index| &mut self.fates[index]) else {
            return;
        };
        if event.kind == EventKind::RecordingEstablished {
            fate.last_established = Some(now);
        } else if event.kind == EventKind::RecordingFailed {
            fate.last_failure = Some(now);
            fate.last_error.clone_from(&event.detail);
        }
    }
}

fn known(recorder: &Recorder) -> Result<SocketAddr, String> {
    match &recorder.uri.host {
        Host::Address(ip) => Ok(SocketAddr::new(*ip, recorder.port())),
        Host::Name(name) => Err(format!("{name} has not been looked up yet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn recorders(host: &str) -> Recorders {
        let text = format!(
            "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"sip:rec@{host}\"\n"
        );
        Recorders::new(&Config::parse(&text).unwrap().recorders)
    }

    #[test]
    fn an_address_needs_no_looking_up() {
        let recorders = recorders("192.0.2.1:5080");
        assert_eq!(
            recorders.addresses(),
            [Ok("192.0.2.1:5080".parse().unwrap())]
        );
        assert_eq!(recorders.deadlines(), 0);
    }

    #[test]
    fn credentials_belong_to_one_recorder() {
        let mut recorders = recorders("192.0.2.1");
        assert!(recorders.all()[0].credentials.is_none());
        let own = Credentials::new("u".to_owned(), "p".to_owned(), None);
        recorders.set_credentials(vec![Some(Arc::new(own.clone()))]);
        assert_eq!(recorders.all()[0].credentials.as_deref(), Some(&own));
    }

    #[test]
    fn a_name_that_was_found_once_stays_found() {
        let mut recorders = recorders("srs.example.com");
        assert!(recorders.addresses()[0].is_err());
        let v6 = vec!["[2001:db8::1]:0".parse().unwrap()];
        assert!(!recorders.resolved(0, Ok(v6), true));
        let why = recorders.addresses()[0].clone().unwrap_err();
        assert!(why.contains("srs.example.com has no IPv4"), "{why}");
        assert!(recorders.resolved(0, Ok(vec!["192.0.2.1:0".parse().unwrap()]), true));
        assert!(!recorders.resolved(0, Err("no DNS".to_owned()), true));
        assert_eq!(
            recorders.addresses(),
            [Ok("192.0.2.1:5060".parse().unwrap())]
        );
        assert!(!recorders.resolved(0, Ok(vec!["192.0.2.2:0".parse().unwrap()]), true));
        assert_eq!(
            recorders.addresses(),
            [Ok("192.0.2.2:5060".parse().unwrap())]
        );
    }
}
