//! What is asked of the DNS, and what its answers mean (RFC 3263 §4).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Answer, Located, Missing, Naptr, NotFound, Query, Question, Records, Server, Srv};
use crate::sip::flow::Protocol;

/// Services of a domain that are looked at.
const SERVICES_MAX: usize = 8;
/// Servers of a service that are looked at.
const SERVERS_MAX: usize = 16;
/// Addresses of a server that are looked at.
const ADDRESSES_MAX: usize = 8;
/// When to ask again what could not be asked.
const FAILED: Duration = Duration::from_secs(10);

/// One way to speak SIP: its name in NAPTR and in SRV records (RFC 3263 §4.1).
#[derive(Clone, Copy, Debug)]
struct Service {
    protocol: Protocol,
    naptr: &'static str,
    srv: &'static str,
}

/// In clear, in the order in which they are taken where a domain has no preference.
const IN_CLEAR: [Service; 2] = [
    Service {
        protocol: Protocol::Udp,
        naptr: "SIP+D2U",
        srv: "_sip._udp",
    },
    Service {
        protocol: Protocol::Tcp,
        naptr: "SIP+D2T",
        srv: "_sip._tcp",
    },
];

impl Service {
    /// The services that may be used where that protocol is wanted. Whoever wants TLS is led to
    /// nothing else (RFC 3263 §4.1), and nobody else is led to TLS: whom to believe there is the
    /// configuration's matter.
    fn wanted(protocol: Option<Protocol>) -> Vec<Self> {
        match protocol {
            None => IN_CLEAR.to_vec(),
            Some(tls @ Protocol::Tls(_)) => vec![Self {
                protocol: tls,
                naptr: "SIPS+D2T",
                srv: "_sips._tcp",
            }],
            Some(clear @ (Protocol::Udp | Protocol::Tcp)) => {
                let services = IN_CLEAR.into_iter();
                services.filter(|known| known.protocol == clear).collect()
            }
        }
    }
}

/// Finds the servers of what `query` names; `ask` asks the DNS.
pub async fn locate(
    query: &Query,
    ask: impl AsyncFn(Question) -> Result<Answer, Missing>,
) -> Result<Located, NotFound> {
    let mut search = Search {
        ask,
        servers: Vec::new(),
        until: None,
        again_in: None,
        flaw: None,
    };
    let services = Service::wanted(query.protocol);
    match (query.port, query.protocol) {
        // RFC 3263 §4.1 and §4.2: a port is an address record's own.
        (Some(port), protocol) => {
            let protocol = protocol.unwrap_or(Protocol::Udp);
            search.host(&query.host, (protocol, port)).await;
        }
        (None, Some(protocol @ (Protocol::Udp | Protocol::Tcp))) => {
            for service in services {
                let name = format!("{}.{}", service.srv, query.host);
                search.service(name, protocol, 0).await;
            }
            search.host_if_none(&query.host, protocol).await;
        }
        (None, protocol @ (None | Some(Protocol::Tls(_)))) => {
            search.domain(&query.host, &services).await;
            let protocol = protocol.unwrap_or(Protocol::Udp);
            search.host_if_none(&query.host, protocol).await;
        }
    }
    search.finish(&query.host)
}

struct Search<A> {
    ask: A,
    servers: Vec<Server>,
    until: Option<Instant>,
    again_in: Option<Duration>,
    /// The first thing that went wrong.
    flaw: Option<String>,
}

impl<A: AsyncFn(Question) -> Result<Answer, Missing>> Search<A> {
    /// Every service of those wanted that a domain says it has, in its order; else those that we
    /// can think of.
    async fn domain(&mut self, domain: &str, wanted: &[Service]) {
        let found = chosen(self.naptr(domain).await, wanted);
        for (rank, (protocol, name)) in (0..).zip(found) {
            self.service(name, protocol, rank).await;
        }
        if self.servers.is_empty() {
            for (rank, service) in (0..).zip(wanted) {
                let name = format!("{}.{domain}", service.srv);
                self.service(name, service.protocol, rank).await;
            }
        }
    }

    /// Every server of a service.
    async fn service(&mut self, name: String, protocol: Protocol, rank: u16) {
        for srv in self.srv(name).await.into_iter().take(SERVERS_MAX) {
            // RFC 2782: a lone root means that there is decidedly no such service.
            if srv.target.is_empty() || srv.target == "." {
                continue;
            }
            let addresses = self.addresses(&srv.target).await;
            if !addresses.is_empty() {
                self.servers.push(Server {
                    rank,
                    priority: srv.priority,
                    weight: srv.weight,
                    protocol,
                    port: srv.port,
                    addresses,
                });
            }
        }
    }

    /// The host itself.
    async fn host(&mut self, host: &str, (protocol, port): (Protocol, u16)) {
        let addresses = self.addresses(host).await;
        if !addresses.is_empty() {
            self.servers.push(Server {
                rank: 0,
                priority: 0,
                weight: 0,
                protocol,
                port,
                addresses,
            });
        }
    }

    async fn host_if_none(&mut self, host: &str, protocol: Protocol) {
        if self.servers.is_empty() {
            self.host(host, (protocol, protocol.default_port())).await;
        }
    }

    async fn naptr(&mut self, name: &str) -> Vec<Naptr> {
        match self.ask(Question::Naptr(name.to_owned())).await {
            Some(Records::Naptr(records)) => records,
            Some(Records::Srv(_) | Records::Addresses(_)) | None => Vec::new(),
        }
    }

    async fn srv(&mut self, name: String) -> Vec<Srv> {
        match self.ask(Question::Srv(name)).await {
            Some(Records::Srv(records)) => records,
            Some(Records::Naptr(_) | Records::Addresses(_)) | None => Vec::new(),
        }
    }

    async fn addresses(&mut self, name: &str) -> Vec<IpAddr> {
        match self.ask(Question::Addresses(name.to_owned())).await {
            Some(Records::Addresses(mut addresses)) => {
                addresses.truncate(ADDRESSES_MAX);
                addresses
            }
            Some(Records::Naptr(_) | Records::Srv(_)) | None => Vec::new(),
        }
    }

    /// Asks, and notes for how long the answer holds.
    async fn ask(&mut self, question: Question) -> Option<Records> {
        let (again_in, why) = match (self.ask)(question.clone()).await {
            Ok(answer) => {
                self.until = self.until.into_iter().chain([answer.until]).min();
                return Some(answer.records);
            }
            Err(Missing::Nothing { ttl }) => (ttl, None),
            Err(Missing::Failed(why)) => (FAILED, Some(why)),
        };
        self.again_in = self.again_in.into_iter().chain([again_in]).min();
        if self.flaw.is_none() {
            self.flaw = why.map(|why| format!("{}: {why}", name_of(&question)));
        }
        None
    }

    fn finish(self, host: &str) -> Result<Located, NotFound> {
        if !self.servers.is_empty() {
            return Ok(Located {
                servers: self.servers,
                until: self.until,
                again_in: self.again_in,
            });
        }
        let why = match self.flaw {
            Some(flaw) => format!("{host} cannot be looked up: {flaw}"),
            None => format!(
                "{host} cannot be looked up: the DNS has no address of it: see whether the name \
                 is right"
            ),
        };
        Err(NotFound {
            why,
            again_in: self.again_in.unwrap_or(FAILED),
        })
    }
}

/// The services that are wanted, best first, each with the name of its SRV records.
fn chosen(mut records: Vec<Naptr>, wanted: &[Service]) -> Vec<(Protocol, String)> {
    records.sort_by_key(|record| (record.order, record.preference));
    let known = records.into_iter().filter_map(|record| {
        let mut wanted = wanted.iter();
        let service = wanted.find(|known| record.service.eq_ignore_ascii_case(known.naptr))?;
        // RFC 3263 §4.1: SRV records follow, which the flag says.
        let follows = record.flags.eq_ignore_ascii_case("s") && !record.replacement.is_empty();
        follows.then_some((service.protocol, record.replacement))
    });
    known.take(SERVICES_MAX).collect()
}

fn name_of(question: &Question) -> String {
    match question {
        Question::Naptr(name) => format!("NAPTR of {name}"),
        Question::Srv(name) => format!("SRV of {name}"),
        Question::Addresses(name) => format!("address of {name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::sip::flow::TlsSettings;

    /// A domain, as text: `NAME TYPE VALUE` on each line, `NAME TYPE !` where asking fails.
    struct Zone {
        text: &'static str,
        asked: RefCell<Vec<String>>,
        epoch: Instant,
    }

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn zone(text: &'static str) -> Zone {
        Zone {
            text,
            asked: RefCell::default(),
            epoch: Instant::now(),
        }
    }

    impl Zone {
        fn locate(&self, host: &str, port: Option<u16>, protocol: Option<Protocol>) -> Found {
            let query = Query {
                host: host.to_owned(),
                port,
                protocol,
            };
            let future = pin!(locate(&query, async |question| self.answer(&question)));
            match future.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(found) => found,
                Poll::Pending => panic!("nothing waits here"),
            }
        }

        fn answer(&self, question: &Question) -> Result<Answer, Missing> {
            let (name, kind) = match question {
                Question::Naptr(name) => (name, "NAPTR"),
                Question::Srv(name) => (name, "SRV"),
                Question::Addresses(name) => (name, "A"),
            };
            self.asked.borrow_mut().push(format!("{name} {kind}"));
            let lines = self.text.lines().filter_map(|line| {
                let mut words = line.split_whitespace();
                let mine = words.next() == Some(name) && words.next() == Some(kind);
                mine.then(|| words.collect::<Vec<_>>())
            });
            let lines: Vec<_> = lines.collect();
            if lines.is_empty() {
                let ttl = Duration::from_secs(60);
                return Err(Missing::Nothing { ttl });
            }
            if lines[0] == ["!"] {
                return Err(Missing::Failed("nobody answers".to_owned()));
            }
            let number = |word: &&str| word.parse().unwrap();
            let records = match question {
                Question::Naptr(_) => Records::Naptr(
                    lines
                        .iter()
                        .map(|words| Naptr {
                            order: number(&words[0]),
                            preference: number(&words[1]),
                            flags: words[2].to_owned(),
                            service: words[3].to_owned(),
                            replacement: words[4].to_owned(),
                        })
                        .collect(),
                ),
                Question::Srv(_) => Records::Srv(
                    lines
                        .iter()
                        .map(|words| Srv {
                            priority: number(&words[0]),
                            weight: number(&words[1]),
                            port: number(&words[2]),
                            target: words[3].to_owned(),
                        })
                        .collect(),
                ),
                Question::Addresses(_) => Records::Addresses(
                    lines
                        .iter()
                        .map(|words| words[0].parse().unwrap())
                        .collect(),
                ),
            };
            Ok(Answer {
                records,
                until: self.epoch + Duration::from_secs(300),
            })
        }

        fn asked(&self) -> Vec<String> {
            self.asked.take()
        }
    }

    type Found = Result<Located, NotFound>;

    fn shown(found: &Found) -> Vec<String> {
        let servers = found.as_ref().unwrap().servers.iter();
        servers
            .map(|server| {
                let Server {
                    rank,
                    priority,
                    port,
                    ..
                } = server;
                let protocol = server.protocol;
                format!(
                    "{rank}/{priority} {protocol:?} {:?}:{port}",
                    server.addresses
                )
            })
            .collect()
    }

    /// RFC 3263 §4.1's own example, with its SRV answer.
    const EXAMPLE: &str = "
        example.com NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com
        example.com NAPTR 90 50 s SIP+D2T _sip._tcp.example.com
        example.com NAPTR 100 50 s SIP+D2U _sip._udp.example.com
        _sip._tcp.example.com SRV 0 1 5070 server1.example.com
        _sip._tcp.example.com SRV 1 2 5071 server2.example.com
        _sip._udp.example.com SRV 0 1 5080 server1.example.com
        server1.example.com A 192.0.2.1
        server2.example.com A 2001:db8::2
        server2.example.com A 192.0.2.2
        example.com A 192.0.2.9";

    #[test]
    fn the_domain_says_which_transport_and_which_servers() {
        let zone = zone(EXAMPLE);
        let found = zone.locate("example.com", None, None);
        assert_eq!(
            shown(&found),
            [
                "0/0 Tcp [192.0.2.1]:5070",
                "0/1 Tcp [2001:db8::2, 192.0.2.2]:5071",
                "1/0 Udp [192.0.2.1]:5080",
            ]
        );
        let until = zone.epoch + Duration::from_secs(300);
        assert_eq!(found.unwrap().until, Some(until));
    }

    #[test]
    fn whoever_wants_tls_is_led_to_nothing_else() {
        let tls = Protocol::Tls(TlsSettings::Recorder(3));
        let secure = zone(
            "example.com NAPTR 50 50 s SIP+D2U _sip._udp.example.com
             example.com NAPTR 90 50 s SIPS+D2T _sips._tcp.example.net
             _sip._udp.example.com SRV 0 1 5080 server1.example.com
             _sips._tcp.example.net SRV 0 1 5071 server2.example.com
             _sips._tcp.example.com SRV 0 1 5072 server2.example.com
             server1.example.com A 192.0.2.1
             server2.example.com A 192.0.2.2",
        );
        let found = secure.locate("example.com", None, Some(tls)).unwrap();
        assert_eq!(found.servers.len(), 1);
        let server = &found.servers[0];
        assert_eq!((server.protocol, server.port), (tls, 5071));
        // The domain has services in clear alone, and an address.
        let clear = zone(
            "_sip._tcp.example.com SRV 0 1 5080 server1.example.com
             server1.example.com A 192.0.2.1
             example.com A 192.0.2.9",
        );
        let found = clear.locate("example.com", None, Some(tls)).unwrap();
        let server = &found.servers[0];
        assert_eq!((server.protocol, server.port), (tls, 5061));
        assert_eq!(server.addresses, [IpAddr::from([192, 0, 2, 9])]);
        let asked = [
            "example.com NAPTR",
            "_sips._tcp.example.com SRV",
            "example.com A",
        ];
        assert_eq!(clear.asked(), asked);
    }

    #[test]
    fn a_transport_that_is_named_needs_no_naptr() {
        let zone = zone(EXAMPLE);
        let found = zone.locate("example.com", None, Some(Protocol::Udp));
        assert_eq!(shown(&found), ["0/0 Udp [192.0.2.1]:5080"]);
        let asked = zone.asked();
        assert_eq!(asked[0], "_sip._udp.example.com SRV");
    }

    #[test]
    fn a_port_that_is_named_needs_addresses_only() {
        let zone = zone(EXAMPLE);
        let found = zone.locate("example.com", Some(5099), None);
        assert_eq!(shown(&found), ["0/0 Udp [192.0.2.9]:5099"]);
        assert_eq!(zone.asked(), ["example.com A"]);
        let found = zone.locate("example.com", Some(5099), Some(Protocol::Tcp));
        assert_eq!(shown(&found), ["0/0 Tcp [192.0.2.9]:5099"]);
    }

    #[test]
    fn without_naptr_each_transport_is_asked_for() {
        let zone = zone(
            "example.com A 192.0.2.9
             _sip._tcp.example.com SRV 0 0 5060 example.com",
        );
        let found = zone.locate("example.com", None, None);
        assert_eq!(shown(&found), ["1/0 Tcp [192.0.2.9]:5060"]);
        let again_in = found.unwrap().again_in;
        assert_eq!(
            again_in,
            Some(Duration::from_secs(60)),
            "there may be NAPTR then"
        );
    }

    #[test]
    fn without_any_service_the_host_itself_is_meant() {
        let zone = zone("example.com A 192.0.2.9");
        let found = zone.locate("example.com", None, None);
        assert_eq!(shown(&found), ["0/0 Udp [192.0.2.9]:5060"]);
        let asked = [
            "example.com NAPTR",
            "_sip._udp.example.com SRV",
            "_sip._tcp.example.com SRV",
            "example.com A",
        ];
        assert_eq!(zone.asked(), asked);
        let found = zone.locate("example.com", None, Some(Protocol::Tcp));
        assert_eq!(shown(&found), ["0/0 Tcp [192.0.2.9]:5060"]);
    }

    #[test]
    fn a_question_that_fails_is_asked_again_soon_and_does_not_hide_the_rest() {
        let zone = zone(
            "example.com NAPTR !
             example.com A 192.0.2.9",
        );
        let found = zone.locate("example.com", None, None);
        assert_eq!(shown(&found), ["0/0 Udp [192.0.2.9]:5060"]);
        assert_eq!(found.unwrap().again_in, Some(FAILED));
    }

    #[test]
    fn records_that_lead_nowhere_are_passed_over() {
        let zone = zone(
            "example.com NAPTR 1 1 s SIP+D2T _sip._tcp.example.com
             example.com NAPTR 2 1 u SIP+D2U _sip._udp.example.com
             _sip._tcp.example.com SRV 0 0 5060 .
             _sip._tcp.example.com SRV 1 0 5060 gone.example.com
             example.com A 192.0.2.9",
        );
        let found = zone.locate("example.com", None, None);
        assert_eq!(shown(&found), ["0/0 Udp [192.0.2.9]:5060"]);
    }

    #[test]
    fn an_operator_reads_what_went_wrong() {
        let found = zone("")
            .locate("example.com", Some(5060), None)
            .unwrap_err();
        assert!(
            found.why.contains("the DNS has no address"),
            "{}",
            found.why
        );
        assert_eq!(found.again_in, Duration::from_secs(60));
        let found = zone("example.com A !").locate("example.com", Some(5060), None);
        let why = found.unwrap_err().why;
        assert!(
            why.contains("address of example.com: nobody answers"),
            "{why}"
        );
    }
}
