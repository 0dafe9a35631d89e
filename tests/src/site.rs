//! The site: engine, pipelines and the conference server's connection.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use sixreel_controlplane::config::{Config, RECORDERS_MAX};
use sixreel_controlplane::control::http::Connection;
use sixreel_controlplane::control::reply::{Reply, Ticket};
use sixreel_controlplane::control::request::Request;
use sixreel_controlplane::control::route::{Asked, route};
use sixreel_controlplane::control::view::EventView;
use sixreel_controlplane::engine::{Engine, Input};
use sixreel_controlplane::random::Random;
use sixreel_controlplane::time::Now;
use sixreel_controlplane::turn::Output;
use sixreel_dataplane::api::{Command, Event, Limits};
use sixreel_dataplane::pipeline::{Events, Pipeline};
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::datagram::{Packet, TxBatch};

use crate::clock::Clock;
use crate::network::Node;

/// Ports of RTP and RTCP.
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 20_255;
/// Data-plane workers.
const WORKERS: u16 = 2;

/// The control plane and the data plane.
#[derive(Debug)]
pub struct Site {
    pub engine: Engine,
    pub workers: Vec<Worker>,
    /// Everything that it told those who listen for events, and when.
    pub told: Vec<(Nanos, EventView)>,
    pairs: u32,
    /// Requests that wait for their answers, which come at once.
    replies: Vec<(Ticket, Reply)>,
}

/// A data-plane worker without its thread.
#[derive(Debug)]
pub struct Worker {
    pub pipeline: Pipeline,
    batch: TxBatch,
    events: Events,
}

/// A datagram that a worker sends.
#[derive(Debug)]
pub struct Sent {
    pub pair: u32,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// The answer to a request of the conference server.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Site {
    /// A site with the recorders of these lines of configuration, one string each.
    pub fn new(recorders: &[String], random: Random, now: Now) -> Self {
        let config = Config::parse(&config(recorders)).expect("the configuration is right");
        let pairs = config.pairs_per_worker();
        let limits = Limits {
            calls: config.limits.calls,
            sources_per_call: config.limits.sources_per_call + 1,
            sinks_per_call: RECORDERS_MAX as u32,
            streams: pairs,
            frames: pairs * 16,
        };
        let worker = |_| {
            let pipeline = Pipeline::new(limits, Clock::epoch_ntp());
            Worker {
                batch: pipeline.batch(),
                pipeline,
                events: Events::new(1024),
            }
        };
        Self {
            engine: Engine::new(&config, random, now),
            workers: (0..config.media.workers).map(worker).collect(),
            told: Vec::new(),
            pairs,
            replies: Vec::new(),
        }
    }

    /// Keeps what is told and answered, and returns what is to be sent and done.
    pub fn keep(&mut self, out: Vec<Output>, at: Nanos) -> Vec<Output> {
        let mut rest = Vec::new();
        for output in out {
            match output {
                Output::Tell(event) => self.told.push((at, event)),
                Output::Reply { ticket, reply } => self.replies.push((ticket, reply)),
                Output::Transmit { .. } | Output::Media { .. } | Output::Resolve { .. } => {
                    rest.push(output);
                }
            }
        }
        rest
    }

    /// Says these bytes on a connection of its own, and returns what was answered.
    pub fn say(&mut self, bytes: &[u8], clock: &Clock, out: &mut Vec<Output>) -> Vec<u8> {
        let now = clock.now();
        let mut connection = Connection::new();
        connection.receive(bytes);
        while let Some((number, incoming)) = connection.next(now.wall) {
            let reply = match route(&incoming) {
                Ok(Asked::Request(request)) => self.ask(request, number, clock, out),
                Ok(Asked::Events { .. } | Asked::Document) => Reply::NoContent,
                Err(problem) => Reply::Problem(problem),
            };
            connection.answer(number, &reply.response(), now.wall);
        }
        connection.output().to_vec()
    }

    fn ask(
        &mut self,
        request: Request,
        number: u64,
        clock: &Clock,
        out: &mut Vec<Output>,
    ) -> Reply {
        let ticket = Ticket::new(0, 0, number);
        let mut outputs = Vec::new();
        let input = Input::Control { ticket, request };
        self.engine.handle(input, clock.now(), &mut outputs);
        out.extend(self.keep(outputs, clock.passed()));
        let (answered, reply) = self.replies.pop().expect("a request is answered at once");
        assert_eq!(answered, ticket, "one answer for each request");
        assert!(self.replies.is_empty(), "one answer for each request");
        reply
    }

    /// A worker obeys. Returns what it sends and tells.
    pub fn command(
        &mut self,
        worker: usize,
        command: Command,
        at: Nanos,
    ) -> (Vec<Sent>, Vec<Event>) {
        let Worker {
            pipeline,
            batch,
            events,
        } = &mut self.workers[worker];
        pipeline.apply(command, at, batch, events);
        self.collect(worker)
    }

    /// A worker serves its next slot.
    pub fn tick(&mut self, worker: usize, at: Nanos) -> (Vec<Sent>, Vec<Event>) {
        let Worker {
            pipeline,
            batch,
            events,
        } = &mut self.workers[worker];
        pipeline.tick(at, batch, events);
        self.collect(worker)
    }

    /// A datagram comes to a media port.
    pub fn receive(&mut self, port: u16, from: SocketAddr, data: &[u8], at: Nanos) {
        let offset = u32::from(port - FIRST_PORT);
        let (worker, offset) = (offset / (2 * self.pairs), offset % (2 * self.pairs));
        let packet = Packet {
            pair: offset / 2,
            rtcp: offset % 2 == 1,
            from,
            data,
        };
        self.workers[worker as usize].pipeline.receive(packet, at);
    }

    /// Whether this is a port of RTP or RTCP.
    pub fn is_media(&self, port: u16) -> bool {
        let count = self.workers.len() as u32 * self.pairs * 2;
        port >= FIRST_PORT && u32::from(port - FIRST_PORT) < count
    }

    /// The worker whose slot is due next, and when.
    pub fn next_slot(&self) -> Option<(Nanos, usize)> {
        let workers = self.workers.iter().enumerate();
        let due =
            workers.filter_map(|(number, worker)| Some((worker.pipeline.next_slot()?, number)));
        due.min()
    }

    fn collect(&mut self, worker: usize) -> (Vec<Sent>, Vec<Event>) {
        let first = FIRST_PORT + (worker as u32 * self.pairs * 2) as u16;
        let ip = address();
        let Worker { batch, events, .. } = &mut self.workers[worker];
        let sent = batch.iter().map(|packet| {
            let port = first + (packet.pair * 2) as u16 + u16::from(packet.rtcp);
            Sent {
                pair: packet.pair,
                from: SocketAddr::new(ip, port),
                to: packet.to,
                bytes: packet.data.to_vec(),
            }
        });
        let sent = sent.collect();
        batch.clear();
        (sent, std::iter::from_fn(|| events.pop()).collect())
    }
}

impl Answer {
    /// From the bytes of one HTTP answer.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.expect("an answer begins with its status"),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }
}

/// The address of RTP and SIP.
fn address() -> IpAddr {
    Node::Site.sip().ip()
}

fn config(recorders: &[String]) -> String {
    let (sip, media) = (Node::Site.sip(), address());
    let mut text = format!(
        "[sip]\naddress = \"{sip}\"\n\
         [media]\naddress = \"{media}\"\nports = \"{FIRST_PORT}-{LAST_PORT}\"\n\
         workers = {WORKERS}\n\
         [limits]\ncalls = 20\n"
    );
    for recorder in recorders {
        text.push_str("[[recorder]]\n");
        text.push_str(recorder);
        text.push('\n');
    }
    text
}
