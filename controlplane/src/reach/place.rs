//! One recorder: its addresses, its health and its pings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::health::Health;
use super::ping::{self, Ping};
use super::{Admission, Fate, Means, Nowhere};
use crate::control::view::RecorderState;
use crate::locate::{Located, NotFound, Query, Target};
use crate::random::Random;
use crate::recorder::Recorder;
use crate::sip::flow::{Flow, Protocol, TransportPolicy};
use crate::sip::host::Host;
use crate::sip::local::Local;
use crate::sip::message::Response;
use crate::sip::probe::Outcome;
use crate::time::Now;
use crate::turn::Output;

/// The soonest and the latest that the DNS is asked again.
const LOOKUP_SOONEST: Duration = Duration::from_secs(5);
const LOOKUP_LATEST: Duration = Duration::from_secs(3_600);
/// When a lookup is begun again of which nothing was heard.
const LOOKUP_LOST: Duration = Duration::from_secs(60);
/// How long an address that did not answer comes after those that may.
const AVOID: Duration = Duration::from_secs(30);
/// Addresses that are remembered as not worth trying.
const AVOIDED_MAX: usize = 64;
/// How often a recorder that is down and not pinged is tried.
const TRY_EVERY: Duration = Duration::from_secs(5);
/// When to ping after a hint that something is wrong, and at the start.
const SOON: Duration = Duration::from_millis(200);

/// A recorder and everything that is known of it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) recorder: Arc<Recorder>,
    pub(super) fate: Fate,
    pub(super) health: Health,
    whereabouts: Whereabouts,
    lookup_due: Option<Instant>,
    avoided: BTreeMap<SocketAddr, Avoided>,
    /// By what it was spoken to with success.
    spoken: Option<Protocol>,
    /// Why TLS with it came to nothing, while that is told.
    pub(super) fault: Option<String>,
    ping: Option<Ping>,
    ping_due: Option<Instant>,
    /// When it may be tried next while it is down and not pinged.
    try_due: Option<Instant>,
}

#[derive(Debug)]
enum Whereabouts {
    Asked,
    Unknown(String),
    Known(Located),
}

/// An address that is not worth trying.
#[derive(Clone, Copy, Debug)]
struct Avoided {
    until: Instant,
    /// It asked for that, so it is not tried at all.
    by_request: bool,
}

impl Place {
    pub(super) fn new(recorder: Arc<Recorder>, now: Now) -> Self {
        let whereabouts = match &recorder.uri.host {
            Host::Address(ip) => {
                let protocol = recorder.protocol();
                let default = protocol.unwrap_or(Protocol::Udp).default_port();
                let port = recorder.uri.port.unwrap_or(default);
                Whereabouts::Known(Located::at(SocketAddr::new(*ip, port), protocol))
            }
            Host::Name(_) => Whereabouts::Asked,
        };
        Self {
            recorder,
            fate: Fate::default(),
            health: Health::new(now.wall),
            whereabouts,
            lookup_due: None,
            avoided: BTreeMap::new(),
            spoken: None,
            fault: None,
            ping: None,
            ping_due: None,
            try_due: None,
        }
    }

    pub(super) fn start(&mut self, means: &mut Means<'_>) {
        self.look_up(means);
        // Not all recorders, and not all sites that start together, at the same moment.
        let jitter = Duration::from_millis(means.random.below(500));
        self.ping_by(means.now.mono + SOON + jitter);
    }

    /// What is asked of the DNS, where the recorder has a name.
    pub(super) fn query(&self) -> Option<Query> {
        match &self.recorder.uri.host {
            Host::Name(host) => Some(Query {
                host: host.clone(),
                port: self.recorder.uri.port,
                protocol: self.recorder.protocol(),
            }),
            Host::Address(_) => None,
        }
    }

    /// The addresses that are known, in some order.
    pub(super) fn known_targets(&self) -> Vec<Target> {
        let Whereabouts::Known(located) = &self.whereabouts else {
            return Vec::new();
        };
        let of_one = |server: &crate::locate::Server| {
            let (protocol, port) = (server.protocol, server.port);
            let addresses = server.addresses.clone().into_iter();
            addresses.map(move |ip| Target {
                protocol,
                remote: SocketAddr::new(ip, port),
            })
        };
        located.servers.iter().flat_map(of_one).collect()
    }

    pub(super) fn targets(
        &self,
        ours: &[Arc<Local>],
        now: Instant,
        random: &mut Random,
    ) -> Result<Vec<Target>, Nowhere> {
        let host = &self.recorder.uri.host;
        let located = match &self.whereabouts {
            Whereabouts::Known(located) => located,
            Whereabouts::Unknown(why) => return Err(Nowhere::Unknown(why.clone())),
            Whereabouts::Asked => {
                return Err(Nowhere::Asked(format!("{host} has not been looked up yet")));
            }
        };
        let mut targets = located.targets(&addresses(ours), random);
        if targets.is_empty() {
            return Err(Nowhere::Unknown(no_family(host)));
        }
        let avoided = |target: &Target| {
            let avoided = self.avoided.get(&target.remote);
            avoided.filter(|avoided| avoided.until > now)
        };
        // RFC 3261 §21.5.4: nothing is sent to a server that asked for it.
        let asked = targets.iter().filter_map(avoided);
        let soonest = asked.map(|avoided| avoided.until).min();
        targets.retain(|target| !avoided(target).is_some_and(|avoided| avoided.by_request));
        if targets.is_empty() {
            let until = soonest.expect("what was there was left out because of a time");
            return Err(Nowhere::LeftAlone(until.saturating_duration_since(now)));
        }
        targets.sort_by_key(|target| avoided(target).is_some());
        Ok(targets)
    }

    pub(super) fn admission(&mut self, now: Instant) -> Admission {
        if self.health.state != RecorderState::Down {
            return Admission::Now;
        }
        if self.recorder.ping_interval.is_some() {
            return Admission::WhenUp;
        }
        match self.try_due {
            Some(due) if now < due => Admission::At(due),
            Some(_) | None => {
                self.try_due = Some(now + TRY_EVERY);
                Admission::Now
            }
        }
    }

    /// Somebody has answered there.
    pub(super) fn hear(&mut self, flow: Flow, now: Now) {
        self.spoken = Some(flow.protocol);
        self.avoided.remove(&flow.remote);
        self.health.succeed(now);
    }

    /// Nobody has answered, or not as a recorder that works would.
    pub(super) fn miss(&mut self, why: &str, now: Now) {
        let before = self.health.fail(why, now);
        if before == Some(RecorderState::Up) {
            // Is it as bad as it looks?
            self.ping_by(now.mono + SOON);
        }
    }

    pub(super) fn avoid(&mut self, remote: SocketAddr, left_alone: Option<Duration>, now: Instant) {
        self.avoided.retain(|_, avoided| avoided.until > now);
        if self.avoided.len() < AVOIDED_MAX {
            let avoided = Avoided {
                until: now + left_alone.unwrap_or(AVOID),
                by_request: left_alone.is_some(),
            };
            self.avoided.insert(remote, avoided);
        }
    }

    /// Takes what the DNS says; returns whether addresses are known now that were not before. What
    /// was known stays known while it cannot be looked up.
    pub(super) fn resolved(
        &mut self,
        result: Result<Located, NotFound>,
        ours: &[Arc<Local>],
        now: Now,
    ) -> bool {
        let ours = addresses(ours);
        let (found, pause) = match result {
            Ok(located) => {
                let holds = located
                    .until
                    .map(|until| until.saturating_duration_since(now.mono));
                let pause = holds.into_iter().chain(located.again_in).min();
                let has_family =
                    |ip: &std::net::IpAddr| ours.iter().any(|ours| ours.is_ipv4() == ip.is_ipv4());
                let mut servers = located.servers.iter();
                let found = if servers.any(|server| server.addresses.iter().any(has_family)) {
                    Ok(located)
                } else {
                    Err(no_family(&self.recorder.uri.host))
                };
                (found, pause.unwrap_or(LOOKUP_LATEST))
            }
            Err(missing) => (Err(missing.why), missing.again_in),
        };
        self.lookup_due = Some(now.mono + pause.clamp(LOOKUP_SOONEST, LOOKUP_LATEST));
        let was_known = matches!(self.whereabouts, Whereabouts::Known(_));
        match found {
            Ok(located) => self.whereabouts = Whereabouts::Known(located),
            Err(_) if was_known => return false,
            Err(why) => self.whereabouts = Whereabouts::Unknown(why),
        }
        let has_come = !was_known && matches!(self.whereabouts, Whereabouts::Known(_));
        if has_come {
            self.ping_by(now.mono);
        }
        has_come
    }

    pub(super) fn receive(
        &mut self,
        response: &Response,
        ours: &[Arc<Local>],
        means: &mut Means<'_>,
    ) {
        let now = means.now.mono;
        let outcome = self
            .ping
            .as_mut()
            .and_then(|ping| ping.probe().handle(response, now));
        self.conclude(outcome, ours, means);
    }

    pub(super) fn unreachable(&mut self, flow: Flow, ours: &[Arc<Local>], means: &mut Means<'_>) {
        if let Some(ping) = &mut self.ping {
            let mut outputs = Vec::new();
            let outcome = ping.probe().unreachable(flow, &mut outputs);
            ping::transmit(outputs, means.out);
            self.conclude(outcome, ours, means);
        } else if self.known_targets().iter().any(|t| t.remote == flow.remote) {
            self.ping_by(means.now.mono + SOON);
        }
    }

    pub(super) fn on_deadline(&mut self, ours: &[Arc<Local>], means: &mut Means<'_>) {
        let now = means.now.mono;
        if self.lookup_due.is_some_and(|due| due <= now) {
            self.look_up(means);
        }
        if self.ping_due.take_if(|due| *due <= now).is_some() {
            self.begin_ping(ours, means);
        }
        if let Some(ping) = &mut self.ping
            && ping.deadline() <= now
        {
            let mut outputs = Vec::new();
            let outcome = ping.probe().on_deadline(now, &mut outputs);
            ping::transmit(outputs, means.out);
            self.conclude(outcome, ours, means);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let ping = self.ping.as_ref().map(Ping::deadline);
        let due = self.ping_due.into_iter().chain(self.lookup_due);
        due.chain(ping).min()
    }

    fn look_up(&mut self, means: &mut Means<'_>) {
        if let Some(query) = self.query() {
            let recorder = self.recorder.index;
            means.out.push(Output::Resolve { recorder, query });
            self.lookup_due = Some(means.now.mono + LOOKUP_LOST);
        }
    }

    /// Pings at that time, if not before; not at all where pings are off, and not while one lasts.
    fn ping_by(&mut self, at: Instant) {
        if self.recorder.ping_interval.is_some() && self.ping.is_none() {
            self.ping_due = self.ping_due.into_iter().chain([at]).min();
        }
    }

    fn begin_ping(&mut self, ours: &[Arc<Local>], means: &mut Means<'_>) {
        match self.targets(ours, means.now.mono, means.random) {
            Ok(targets) => {
                let ways = targets.into_iter().flat_map(|target| self.ways(target));
                self.ping = Ping::start(&self.recorder, ways.collect(), ours, means);
            }
            // It said itself when it wants to be asked again.
            Err(Nowhere::Asked(_) | Nowhere::LeftAlone(_)) => {}
            Err(Nowhere::Unknown(why)) => {
                self.health.fail(&why, means.now);
            }
        }
        if self.ping.is_none() {
            self.ping_again(means);
        }
    }

    /// The transports by which that address is asked: what worked before comes first, where INVITEs
    /// may take either.
    fn ways(&self, target: Target) -> Vec<Flow> {
        let is_open = self.recorder.policy == TransportPolicy::Auto;
        if !is_open || target.protocol != Protocol::Udp {
            return vec![target.flow()];
        }
        let mut protocols = [Protocol::Udp, Protocol::Tcp];
        protocols.sort_by_key(|protocol| Some(*protocol) != self.spoken);
        let way = |protocol| Flow {
            protocol,
            ..target.flow()
        };
        protocols.map(way).to_vec()
    }

    /// Acts on what became of a ping, if that is known.
    fn conclude(&mut self, outcome: Option<Outcome>, ours: &[Arc<Local>], means: &mut Means<'_>) {
        let (Some(outcome), Some(ping)) = (outcome, &mut self.ping) else {
            return;
        };
        let flow = ping.probe().flow();
        match ping::verdict(&outcome, flow) {
            Ok(()) => self.hear(flow, means.now),
            Err(why) => {
                let why = self.fault.clone().unwrap_or(why);
                let is_last_way = !ping.has_more_for(flow);
                let goes_on = ping.go_on(&self.recorder, ours, means);
                if is_last_way {
                    self.avoid(flow.remote, None, means.now.mono);
                }
                if goes_on {
                    return;
                }
                self.health.fail(&why, means.now);
            }
        }
        self.ping = None;
        self.ping_again(means);
    }

    fn ping_again(&mut self, means: &mut Means<'_>) {
        if let Some(every) = self.recorder.ping_interval {
            let pause = ping::pause(every, self.health.state, means.random);
            self.ping_by(means.now.mono + pause);
        }
    }
}

fn no_family(host: &Host) -> String {
    format!(
        "{host} has no address of a family that we have: set sip.address or sip.other_address to \
         one of that family"
    )
}

fn addresses(ours: &[Arc<Local>]) -> Vec<SocketAddr> {
    ours.iter().map(|local| local.address).collect()
}
