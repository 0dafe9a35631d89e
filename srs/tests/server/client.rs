//! A recording client.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use sixreel_controlplane::metadata::{
    Body as Written, CallInfo, Company, Facts, Id, IdFormat, MediaType, ParticipantFacts,
    SessionFacts, StreamFacts, complete,
};
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sdp::{self, Accepted, Codec, Description, Direction};
use sixreel_controlplane::sip::content::{Body, Content};
use sixreel_controlplane::sip::flow::TransportPolicy;
use sixreel_controlplane::sip::local::{Call, Local, Options, Peer};
use sixreel_controlplane::sip::output::Output;
use sixreel_controlplane::sip::session::{Input, Session};
use sixreel_controlplane::sip::transaction::timing::Timing;
use sixreel_controlplane::sip::uri::Uri;
use sixreel_controlplane::time::Wall;
use sixreel_controlplane::transport::{Received, Transport};
use sixreel_dataplane::wire::rtp::Header;
use sixreel_srs::server::Server;

/// A byte of µ-law, and the sample that it means.
pub(crate) type Sound = (u8, i16);
pub(crate) const LOUD: Sound = (0x8f, 16_764);
pub(crate) const SOFT: Sound = (0xff, 0);

/// So long something may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// One call.
pub(crate) struct Client {
    poll: Poll,
    transport: Transport,
    session: Session,
    ours: sdp::Local,
    rtp: UdpSocket,
    agreed: Option<Accepted>,
    accepted: usize,
    ended: bool,
    number: u16,
    /// The metadata that the INVITE carried.
    pub(crate) complete: Vec<u8>,
    /// The metadata of the last update.
    pub(crate) partial: Vec<u8>,
}

impl Client {
    /// Calls, and waits for the answer.
    pub(crate) fn call(server: &Server, policy: TransportPolicy, name: &str) -> Self {
        let poll = Poll::new().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let transport = Transport::bind(any, poll.registry(), Token(0)).unwrap();
        let rtp = UdpSocket::bind(any).unwrap();
        rtp.set_read_timeout(Some(PATIENCE)).unwrap();
        let ours = ours(rtp.local_addr().unwrap());
        let complete = metadata();
        let (random, media_type) = (&mut Random::new([9; 32]), MediaType::RsMetadataXml);
        let offer = ours.offer(None).write();
        let body = Written::both(&offer, &complete, media_type, random);
        let info = CallInfo {
            call_id: Some(name.to_owned()),
            ..CallInfo::default()
        };
        let content = Content {
            headers: info.write("X-ControlONE-Info-"),
            ..content(body)
        };
        let local = Arc::new(local(transport.address()));
        let call = Call {
            call_id: format!("{}@client", transport.address().port()),
            peer: Peer {
                uri: Uri::parse(&format!("sip:recorder@{}", server.address())).unwrap(),
                remote: server.address(),
                policy,
            },
            display: "Console".to_owned(),
            content,
            options: Options::recording_client(),
        };
        let mut told = Vec::new();
        let session = Session::invite(&local, call, Random::new([1; 32]), now(), &mut told);
        let mut client = Self {
            poll,
            transport,
            session,
            ours,
            rtp,
            agreed: None,
            accepted: 0,
            ended: false,
            number: 0,
            complete,
            partial: Vec::new(),
        };
        client.take(told);
        client.run(|client| client.agreed.is_some());
        client
    }

    /// Sends so many packets of 20 ms.
    pub(crate) fn speak(&mut self, packets: u16, (byte, _): Sound) {
        let to = self.agreed.as_ref().unwrap().remote;
        for _ in 0..packets {
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence: self.number,
                timestamp: u32::from(self.number) * 160,
                ssrc: 7,
                csrcs: &[],
            };
            let mut packet = vec![byte; header.size() + 160];
            header.write(&mut packet[..header.size()]);
            self.rtp.send_to(&packet, to).unwrap();
            self.number += 1;
        }
    }

    /// Tells more of the call by UPDATE, and waits until that is accepted.
    pub(crate) fn update(&mut self) {
        let text = String::from_utf8(self.complete.clone()).unwrap();
        let partial = text.replace(">complete<", ">partial<");
        assert_ne!(partial, text);
        self.partial = partial.into_bytes();
        let body = Written::metadata(self.partial.clone(), MediaType::RsMetadataXml);
        self.act(|session, told| session.update(content(body), now(), told));
        self.run(|client| client.accepted > 0);
    }

    /// Ends the call, and waits until that is confirmed.
    pub(crate) fn end(&mut self) {
        self.act(|session, told| session.end(Content::default(), now(), told));
        self.wait_for_end();
    }

    /// Waits until the call is over.
    pub(crate) fn wait_for_end(&mut self) {
        self.run(|client| client.ended);
    }

    /// Waits for a report, and tells where it came from.
    pub(crate) fn report(&self) -> SocketAddr {
        let mut buffer = [0; 1500];
        let (len, from) = self.rtp.recv_from(&mut buffer).unwrap();
        // RFC 3550 §6.1: a report or a goodbye.
        assert!(len > 8 && (200..=204).contains(&buffer[1]));
        from
    }

    fn act(&mut self, act: impl FnOnce(&mut Session, &mut Vec<Output>)) {
        let mut told = Vec::new();
        act(&mut self.session, &mut told);
        self.take(told);
    }

    /// Turns until what is waited for has come.
    fn run(&mut self, is_there: impl Fn(&Self) -> bool) {
        let (began, mut events) = (now(), Events::with_capacity(64));
        while !is_there(self) {
            assert!(now() < began + PATIENCE, "it never comes");
            let session = self.session.deadline().map(|(at, _)| at);
            let due = session.into_iter().chain(self.transport.deadline()).min();
            let timeout = due.map_or(PATIENCE, |due| due.saturating_duration_since(now()));
            self.poll.poll(&mut events, Some(timeout)).unwrap();
            events.iter().for_each(|event| self.transport.handle(event));
            let mut received = Vec::new();
            self.transport.serve(now(), &mut received);
            for received in received {
                let input = match received {
                    Received::Message { flow, message } => Input::Received { flow, message },
                    Received::Unreachable { flow } => Input::Unreachable { flow },
                    Received::Rejected { rejected, .. } => panic!("{rejected:?}"),
                };
                self.act(|session, told| session.handle(input, now(), told));
            }
            self.act(|session, told| session.handle(Input::Deadline, now(), told));
        }
    }

    fn take(&mut self, told: Vec<Output>) {
        for told in told {
            match told {
                Output::Transmit { flow, bytes } => self.transport.send(flow, &bytes, now()),
                Output::Answered { response, .. } => {
                    let answer = Description::parse(&response.body).unwrap();
                    self.agreed = sdp::accept(&self.ours, &answer).unwrap();
                }
                Output::Accepted { .. } => self.accepted += 1,
                Output::Ended { .. } => self.ended = true,
                Output::Progress { .. } => {}
                Output::Refused { .. }
                | Output::Failed { .. }
                | Output::Offered { .. }
                | Output::Withdrawn { .. }
                | Output::Acknowledged { .. }
                | Output::RefreshDue => panic!("{told:?}"),
            }
        }
    }
}

fn local(address: SocketAddr) -> Local {
    Local {
        address,
        user: "client".to_owned(),
        agent: "tester".to_owned(),
        accept: "application/sdp".to_owned(),
        timing: Timing::default(),
    }
}

fn ours(rtp: SocketAddr) -> sdp::Local {
    sdp::Local {
        session_id: 5,
        address: rtp.ip(),
        port: rtp.port(),
        codecs: vec![Codec::Pcmu],
        telephone_event: false,
        label: Some("1".to_owned()),
        direction: Direction::SendOnly,
        rtcp_mux: true,
    }
}

fn content(body: Written) -> Content {
    Content {
        headers: Vec::new(),
        body: Some(Body {
            content_type: body.content_type,
            disposition: body.disposition.map(str::to_owned),
            bytes: body.bytes,
        }),
    }
}

/// Metadata of a call with one participant.
fn metadata() -> Vec<u8> {
    let id = |byte| Id([byte; 16]);
    let started = Wall(1_493_633_830_000);
    let call = Facts {
        session: SessionFacts {
            id: id(1),
            started,
            ended: None,
            sip_session_ids: Vec::new(),
        },
        participants: vec![ParticipantFacts {
            id: id(2),
            aor: "tel:1000".to_owned(),
            name: Some("A".to_owned()),
            joined: started,
            left: None,
            sends: true,
            receives: true,
            media_since: started,
        }],
        stream: StreamFacts {
            id: id(3),
            label: "1".to_owned(),
        },
    };
    complete(&call, IdFormat::Base64, Company::Offer)
}

#[expect(clippy::disallowed_methods, reason = "the loop of a real client")]
fn now() -> Instant {
    Instant::now()
}
