//! Names of recorders' hosts, looked up without blocking the loop.
//!
//! A thread of its own asks the DNS by hickory's resolver, which knows the system's name servers
//! and `/etc/hosts`, keeps answers for as long as they may be kept, those that say "there is
//! nothing" too, and asks again by TCP where an answer is too long for a datagram. The lookups of
//! different recorders do not wait for each other; a recorder has one at a time at most.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, unbounded};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use mio::Waker;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::locate::{
    self, Answer, Located, Missing, Naptr, NotFound, Query, Question, Records, Srv,
};

/// How long a name server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Times that a name server is asked after it did not answer.
const REPEATS: usize = 1;
/// How long a lookup may take with everything that it asks.
const LOOKUP_MAX: Duration = Duration::from_secs(20);
/// How long "there is nothing" is believed where the DNS does not say.
const NOTHING: Duration = Duration::from_secs(30);

/// What became of a recorder's lookup.
pub(crate) type Found = (usize, Result<Located, NotFound>);

/// The lookups that are under way.
#[derive(Debug)]
pub(crate) struct Resolver {
    jobs: UnboundedSender<(usize, Query)>,
    found: Receiver<Found>,
    busy: Vec<bool>,
}

impl Resolver {
    /// For so many recorders; asks `servers`, or the system's name servers where there are none.
    /// `waker` wakes the loop when something was found.
    pub(crate) fn start(
        recorders: usize,
        servers: &[SocketAddr],
        waker: Arc<Waker>,
    ) -> io::Result<Self> {
        let (jobs, taken) = unbounded_channel();
        let (sender, found) = unbounded();
        let servers = servers.to_vec();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(move || {
                let serve = serve(&servers, taken, sender, waker);
                runtime.block_on(LocalSet::new().run_until(serve));
            })?;
        Ok(Self {
            jobs,
            found,
            busy: vec![false; recorders],
        })
    }

    /// Begins to look a recorder up, unless that is under way.
    pub(crate) fn resolve(&mut self, recorder: usize, query: Query) {
        if !std::mem::replace(&mut self.busy[recorder], true) {
            self.jobs
                .send((recorder, query))
                .expect("the thread lives as long as this sender");
        }
    }

    /// The next result.
    pub(crate) fn pop(&mut self) -> Option<Found> {
        let found = self.found.try_recv().ok()?;
        self.busy[found.0] = false;
        Some(found)
    }
}

/// Looks up what comes until nobody sends any more.
async fn serve(
    servers: &[SocketAddr],
    mut jobs: UnboundedReceiver<(usize, Query)>,
    found: Sender<Found>,
    waker: Arc<Waker>,
) {
    let dns = Rc::new(dns(servers).map_err(|error| error.to_string()));
    while let Some((recorder, query)) = jobs.recv().await {
        let (dns, found, waker) = (Rc::clone(&dns), found.clone(), Arc::clone(&waker));
        tokio::task::spawn_local(async move {
            let result = look_up(&dns, &query).await;
            // The loop may have ended meanwhile.
            let _ = found.send((recorder, result));
            let _ = waker.wake();
        });
    }
}

fn dns(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().copied().map(name_server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    set(builder.options_mut());
    builder.build()
}

const fn set(options: &mut ResolverOpts) {
    options.timeout = ANSWER_MAX;
    options.attempts = REPEATS;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
}

fn name_server(at: SocketAddr) -> NameServerConfig {
    let by = |mut connection: ConnectionConfig| {
        connection.port = at.port();
        connection
    };
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(by);
    NameServerConfig::new(at.ip(), true, connections.to_vec())
}

async fn look_up(dns: &Result<TokioResolver, String>, query: &Query) -> Result<Located, NotFound> {
    let host = &query.host;
    let not_found = |why: String| NotFound {
        why: format!("{host} cannot be looked up: {why}"),
        again_in: NOTHING,
    };
    let dns = dns.as_ref().map_err(|why| {
        not_found(format!(
            "the system's name servers are not known ({why}): set dns.servers, or see \
             /etc/resolv.conf"
        ))
    })?;
    let located = locate::locate(query, async |question| ask(dns, question).await);
    let too_long = |_| {
        let seconds = LOOKUP_MAX.as_secs();
        not_found(format!("the DNS took more than {seconds} s"))
    };
    tokio::time::timeout(LOOKUP_MAX, located)
        .await
        .map_err(too_long)?
}

async fn ask(dns: &TokioResolver, question: Question) -> Result<Answer, Missing> {
    let lookup = match question {
        Question::Addresses(name) => {
            let found = dns.lookup_ip(absolute(name)).await.map_err(missing)?;
            return Ok(Answer {
                records: Records::Addresses(found.iter().collect()),
                until: found.valid_until(),
            });
        }
        Question::Naptr(name) => dns.lookup(absolute(name), RecordType::NAPTR).await,
        Question::Srv(name) => dns.lookup(absolute(name), RecordType::SRV).await,
    };
    let lookup = lookup.map_err(missing)?;
    let (mut naptr, mut srv) = (Vec::new(), Vec::new());
    for record in lookup.answers() {
        // There may be aliases on the way to what was asked for.
        if let RData::NAPTR(data) = &record.data {
            naptr.push(Naptr {
                order: data.order,
                preference: data.preference,
                flags: text(&data.flags),
                service: text(&data.services),
                replacement: data.replacement.to_ascii(),
            });
        } else if let RData::SRV(data) = &record.data {
            srv.push(Srv {
                priority: data.priority,
                weight: data.weight,
                port: data.port,
                target: data.target.to_ascii(),
            });
        }
    }
    Ok(Answer {
        records: if lookup.query().query_type() == RecordType::NAPTR {
            Records::Naptr(naptr)
        } else {
            Records::Srv(srv)
        },
        until: lookup.valid_until(),
    })
}

/// A name with dots is whole: nothing is looked for in the system's search domains.
fn absolute(mut name: String) -> String {
    if name.contains('.') && !name.ends_with('.') {
        name.push('.');
    }
    name
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn missing(error: NetError) -> Missing {
    if let NetError::Dns(DnsError::NoRecordsFound(nothing)) = &error {
        let ttl = nothing
            .negative_ttl
            .map(|ttl| Duration::from_secs(ttl.into()));
        return Missing::Nothing {
            ttl: ttl.unwrap_or(NOTHING),
        };
    }
    Missing::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{A, NAPTR, SOA, SRV};
    use hickory_resolver::proto::rr::{Name, Record};
    use mio::{Events, Poll, Token};

    use super::*;
    use crate::sip::flow::Protocol;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    /// What a zone of one recorder with one server says.
    fn zone(asked: &Name, kind: RecordType) -> Option<RData> {
        let naptr = NAPTR::new(
            10,
            10,
            Box::from(*b"s"),
            Box::from(*b"SIP+D2T"),
            Box::default(),
            name("_sip._tcp.srs.example.com."),
        );
        let srv = SRV::new(1, 2, 5070, name("a.example.com."));
        let text = asked.to_ascii().to_ascii_lowercase();
        match (text.as_str(), kind) {
            ("srs.example.com.", RecordType::NAPTR) => Some(RData::NAPTR(naptr)),
            ("_sip._tcp.srs.example.com.", RecordType::SRV) => Some(RData::SRV(srv)),
            ("a.example.com.", RecordType::A) => Some(RData::A(A(Ipv4Addr::new(192, 0, 2, 7)))),
            _ => None,
        }
    }

    /// A name server on loopback that knows this zone. It answers `count` questions.
    fn serve_zone(count: usize) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let serve = move || {
            let mut asked = Vec::new();
            let mut bytes = [0; 2048];
            while asked.len() < count {
                let (len, from) = socket.recv_from(&mut bytes).unwrap();
                let question = Message::from_vec(&bytes[..len]).unwrap();
                let query = question.queries[0].clone();
                asked.push(format!("{} {}", query.name(), query.query_type()).to_lowercase());
                let mut answer = Message::response(question.metadata.id, OpCode::Query);
                answer.add_query(query.clone());
                match zone(query.name(), query.query_type()) {
                    Some(data) => {
                        answer.add_answer(Record::from_rdata(query.name().clone(), 600, data));
                    }
                    None => {
                        let soa = SOA::new(name("ns."), name("me."), 1, 2, 3, 4, 90);
                        let soa = RData::SOA(soa);
                        answer.add_authority(Record::from_rdata(name("example.com."), 90, soa));
                        answer.metadata.response_code = ResponseCode::NXDomain;
                    }
                }
                socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
            }
            asked
        };
        (address, thread::spawn(serve))
    }

    fn query(host: &str) -> Query {
        Query {
            host: host.to_owned(),
            port: None,
            protocol: None,
        }
    }

    fn wait_for(resolver: &mut Resolver, poll: &mut Poll, count: usize) -> Vec<Found> {
        let mut found = Vec::new();
        let mut events = Events::with_capacity(8);
        while found.len() < count {
            poll.poll(&mut events, None).unwrap();
            found.extend(std::iter::from_fn(|| resolver.pop()));
        }
        found.sort_by_key(|(recorder, _)| *recorder);
        found
    }

    #[test]
    fn the_dns_is_asked_once_and_the_loop_is_woken() {
        let mut poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(7)).unwrap());
        // NAPTR, SRV, A and AAAA of the one; NAPTR, SRV twice, A and AAAA of the other.
        let (server, asked) = serve_zone(4 + 5);
        let mut resolver = Resolver::start(2, &[server], waker).unwrap();
        resolver.resolve(0, query("srs.example.com"));
        resolver.resolve(1, query("none.example.com"));
        resolver.resolve(0, query("a second one at the same time is not looked up"));
        let found = wait_for(&mut resolver, &mut poll, 2);
        let located = found[0].1.as_ref().unwrap();
        assert_eq!(located.servers.len(), 1);
        let server = &located.servers[0];
        assert_eq!((server.protocol, server.port), (Protocol::Tcp, 5070));
        assert_eq!(
            server.addresses,
            ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]
        );
        assert!(located.until.is_some());
        let nothing = found[1].1.as_ref().unwrap_err();
        assert!(
            nothing.why.contains("none.example.com cannot be"),
            "{}",
            nothing.why
        );
        assert_eq!(
            nothing.again_in,
            Duration::from_secs(90),
            "as the zone's SOA says"
        );
        assert_eq!(resolver.busy, [false, false]);
        // Everything is remembered: the server answers no more.
        let asked = asked.join().unwrap();
        assert_eq!(asked.len(), 9, "{asked:?}");
        resolver.resolve(0, query("srs.example.com"));
        resolver.resolve(1, query("none.example.com"));
        let again = wait_for(&mut resolver, &mut poll, 2);
        assert_eq!(again[0].1.as_ref().unwrap().servers, located.servers);
        assert!(again[1].1.is_err());
    }

    #[test]
    fn the_systems_own_names_are_known() {
        let mut poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(7)).unwrap());
        let (server, _) = serve_zone(3);
        let mut resolver = Resolver::start(1, &[server], waker).unwrap();
        let query = Query {
            port: Some(5060),
            ..query("localhost")
        };
        resolver.resolve(0, query);
        let found = wait_for(&mut resolver, &mut poll, 1);
        let located = found[0].1.as_ref().unwrap();
        let mut addresses = located.servers.iter().flat_map(|server| &server.addresses);
        assert!(addresses.all(|ip| ip.is_loopback()));
    }
}
