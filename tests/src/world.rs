//! Everything together.

use std::net::SocketAddr;

use serde_json::Value;
use sixreel_controlplane::engine::Input;
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sip::flow::{Flow, Protocol};
use sixreel_controlplane::sip::message::Message;
use sixreel_controlplane::turn::Output;
use sixreel_dataplane::api::Event;
use sixreel_dataplane::time::Nanos;
use sixreel_srs::behaviour::Behaviour;
use sixreel_srs::engine::{self as srs, Output as SrsOutput};

use crate::agenda::{Agenda, Fault, Happening};
use crate::caller::{Caller, PACKET_TIME};
use crate::clock::Clock;
use crate::network::tcp::Arrival;
use crate::network::{Air, Network, Node, Outage, SIP_PORT};
use crate::recorder::{Recorder, flow};
use crate::signal::tone;
use crate::site::{Answer, Sent, Site};
use crate::trace::Trace;
use crate::wiretap::Wiretap;

/// What commands to workers and news from them take on their way.
const RING: Nanos = Nanos::MILLI;
/// What a lookup takes.
const LOOKUP: Nanos = Nanos::from_millis(10);
/// So much may happen at one moment.
const AT_ONCE_MAX: u32 = 10_000;

/// A recorder of a world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Further lines of its configuration.
    pub config: String,
    pub behaviour: Behaviour,
}

/// The site, its recorders and telephones, the network and the time.
#[derive(Debug)]
pub struct World {
    pub clock: Clock,
    pub agenda: Agenda,
    pub network: Network,
    pub random: Random,
    pub site: Site,
    pub recorders: Vec<Recorder>,
    pub callers: Vec<Caller>,
    pub trace: Trace,
    pub wiretap: Wiretap,
    at_once: u32,
}

/// What happens next.
enum Next {
    Planned,
    Engine,
    Recorder(usize),
    Slot(usize),
}

impl World {
    /// A world in fine weather. The same seed gives the same world.
    pub fn new(seed: u64, plans: &[Plan]) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = Random::new(bytes);
        let clock = Clock::new();
        let configs: Vec<_> = plans.iter().enumerate().map(config).collect();
        let recorders = plans
            .iter()
            .enumerate()
            .map(|(number, plan)| Recorder::new(number, plan.behaviour.clone(), random.fork()));
        let mut world = Self {
            recorders: recorders.collect(),
            site: Site::new(&configs, random.fork(), clock.now()),
            network: Network::new(plans.len()),
            clock,
            agenda: Agenda::default(),
            random,
            callers: Vec::new(),
            trace: Trace::default(),
            wiretap: Wiretap::new(plans.len()),
            at_once: 0,
        };
        let mut out = Vec::new();
        world.site.engine.start(world.clock.now(), &mut out);
        world.act(out);
        world
    }

    /// What has passed since the beginning.
    pub const fn passed(&self) -> Nanos {
        self.clock.passed()
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.passed().after(Nanos::from_millis(ms));
        while self.step(end) {}
    }

    /// Lets time pass until something holds, looking every 20 ms; whether it did within `ms`.
    pub fn run_until(&mut self, ms: u64, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        for _ in 0..ms / 20 {
            if holds(self) {
                return true;
            }
            self.run(20);
        }
        holds(self)
    }

    /// Lets the next thing happen, if it does before `end`; otherwise it is `end` now.
    pub fn step(&mut self, end: Nanos) -> bool {
        let next = self.next().filter(|(at, _)| *at <= end);
        let Some((at, next)) = next else {
            self.clock.advance(end);
            return false;
        };
        self.at_once = if at > self.passed() {
            0
        } else {
            self.at_once + 1
        };
        assert!(
            self.at_once < AT_ONCE_MAX,
            "time stands still:\n{}",
            self.trace.lines(100)
        );
        self.clock.advance(at);
        match next {
            Next::Planned => {
                if let Some(happening) = self.agenda.pop() {
                    self.happen(happening);
                }
            }
            Next::Engine => {
                self.tell_engine(Input::Deadline);
                let due = self.site.engine.deadline();
                let now = self.clock.now().mono;
                assert!(due.is_none_or(|due| due > now), "what is due is done");
            }
            Next::Recorder(number) => self.tell_recorder(number, srs::Input::Deadline),
            Next::Slot(worker) => {
                let (sent, events) = self.site.tick(worker, self.passed());
                self.send_media(worker, &sent, events);
            }
        }
        true
    }

    /// The conference server asks.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        Answer::parse(&self.say(request(method, path, body).as_bytes()))
    }

    /// Somebody says these bytes to the control interface, on a connection of its own.
    pub fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let answer = self.site.say(bytes, &self.clock, &mut out);
        self.trace.note(self.clock.passed(), &answer);
        self.act(out);
        answer
    }

    /// A telephone with the tone of this number begins to send to this port of the site.
    pub fn speak(&mut self, to: SocketAddr, number: usize, a_law: bool) -> usize {
        let caller = self.callers.len();
        let from = SocketAddr::new(Node::Callers.sip().ip(), 10_000 + 2 * caller as u16);
        self.callers
            .push(Caller::new(from, to, tone(number), a_law));
        let at = Nanos(self.passed().0 + self.random.below(PACKET_TIME.0));
        self.agenda.push(at, Happening::Speech { caller });
        caller
    }

    /// Something befalls the network or a recorder, now.
    pub fn befall(&mut self, fault: Fault) {
        self.trace
            .tell(self.clock.passed(), format!("--- {fault:?}"));
        let now = self.clock.passed();
        let mut air = Air {
            now,
            random: &mut self.random,
            agenda: &mut self.agenda,
        };
        match fault {
            Fault::Outage { recorder, outage } => {
                let node = Node::Recorder(recorder);
                self.network.link(node).outage = Some(outage);
                if outage == Outage::Refused {
                    self.network.tcp.reset(node, &mut air);
                }
            }
            Fault::Repair { recorder } => self.network.repair(recorder, &mut air),
            Fault::Reset { recorder } => {
                self.network.tcp.reset(Node::Recorder(recorder), &mut air);
            }
            Fault::HalfOpen { recorder } => self.network.tcp.forget(Node::Recorder(recorder)),
            Fault::Restart { recorder } => {
                self.network.tcp.forget(Node::Recorder(recorder));
                let random = self.random.fork();
                self.recorders[recorder].restart(random);
            }
        }
    }

    /// Gives the engine something.
    pub fn tell_engine(&mut self, input: Input) {
        let mut out = Vec::new();
        self.site.engine.handle(input, self.clock.now(), &mut out);
        let out = self.site.keep(out, self.clock.passed());
        self.act(out);
    }

    /// Gives a recorder something.
    pub fn tell_recorder(&mut self, number: usize, input: srs::Input<'_>) {
        let (now, passed) = (self.clock.now(), self.clock.passed());
        let sent = self.recorders[number].handle(input, now, passed);
        let node = Node::Recorder(number);
        for output in sent {
            match output {
                SrsOutput::Transmit { flow, bytes } => self.transmit(node, flow, &bytes),
                SrsOutput::Media { port, to, bytes } => {
                    let from = SocketAddr::new(node.sip().ip(), port);
                    self.datagram(from, to, &bytes);
                }
                SrsOutput::Begin { .. }
                | SrsOutput::Samples { .. }
                | SrsOutput::Silence { .. }
                | SrsOutput::Metadata { .. }
                | SrsOutput::Facts { .. }
                | SrsOutput::End { .. }
                | SrsOutput::Event { .. } => unreachable!("the recorder keeps these"),
            }
        }
    }

    /// Bytes arrive by SIP's port or by a connection.
    pub fn arrive(&mut self, at: Node, flow: Flow, bytes: &[u8]) {
        let line = format!("{at:?} < {:?} {}", flow.protocol, first_line(bytes));
        self.trace.tell(self.clock.passed(), line);
        self.trace.note(self.clock.passed(), bytes);
        let parsed = Message::parse(bytes, flow.protocol);
        match (at, parsed) {
            (Node::Site, Ok(message)) => self.tell_engine(Input::Sip { flow, message }),
            (Node::Site, Err(rejected)) => self.tell_engine(Input::Rejected { flow, rejected }),
            (Node::Recorder(number), Ok(message)) => {
                self.tell_recorder(number, srs::Input::Sip { flow, message });
            }
            (Node::Recorder(number), Err(rejected)) => {
                self.tell_recorder(number, srs::Input::Rejected { flow, rejected });
            }
            (Node::Callers, _) => {}
        }
    }

    fn next(&self) -> Option<(Nanos, Next)> {
        let place = |at| self.clock.place(at).max(self.passed());
        let engine = self.site.engine.deadline();
        let recorders = self.recorders.iter().enumerate();
        let recorders = recorders.filter_map(|(number, recorder)| {
            Some((place(recorder.engine.deadline()?), Next::Recorder(number)))
        });
        let slot = self.site.next_slot();
        let planned = self.agenda.first().map(|at| (at, Next::Planned));
        let engine = engine.map(|at| (place(at), Next::Engine));
        let slot = slot.map(|(at, worker)| (at, Next::Slot(worker)));
        let due = planned.into_iter().chain(engine).chain(slot);
        due.chain(recorders).min_by_key(|(at, _)| *at)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Datagram { from, to, bytes } => self.receive(from, to, &bytes),
            Happening::Stream(step) => {
                let mut air = Air {
                    now: self.clock.passed(),
                    random: &mut self.random,
                    agenda: &mut self.agenda,
                };
                for arrival in self.network.tcp.step(step, &mut air) {
                    self.on_stream(arrival);
                }
            }
            Happening::Unreachable { at, flow } => self.unreachable(at, flow),
            Happening::Command { worker, command } => {
                let (sent, events) = self.site.command(worker, command, self.passed());
                self.send_media(worker, &sent, events);
            }
            Happening::Told { worker, event } => self.tell_engine(Input::Media { worker, event }),
            Happening::Speech { caller } => self.on_speech(caller),
            Happening::Resolved { recorder } => {
                let result = Ok(vec![Node::Recorder(recorder).sip()]);
                self.tell_engine(Input::Resolved { recorder, result });
            }
            Happening::Fault(fault) => self.befall(fault),
        }
    }

    /// Does what the engine wants done.
    fn act(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Transmit { flow, bytes } => {
                    self.wiretap.message(&bytes, flow.protocol);
                    self.transmit(Node::Site, flow, &bytes);
                }
                Output::Media { worker, command } => {
                    self.wiretap.command(worker, &command);
                    let at = self.passed().after(RING);
                    self.agenda.push(at, Happening::Command { worker, command });
                }
                Output::Resolve { recorder, .. } => {
                    let at = self.passed().after(LOOKUP);
                    self.agenda.push(at, Happening::Resolved { recorder });
                }
                Output::Reply { .. } | Output::Tell(_) => unreachable!("the site keeps these"),
            }
        }
    }

    fn transmit(&mut self, from: Node, flow: Flow, bytes: &[u8]) {
        let line = format!("{from:?} > {:?} {}", flow.protocol, first_line(bytes));
        self.trace.tell(self.clock.passed(), line);
        match flow.protocol {
            Protocol::Udp => self.datagram(from.sip(), flow.remote, bytes),
            Protocol::Tcp => {
                let mut air = Air {
                    now: self.clock.passed(),
                    random: &mut self.random,
                    agenda: &mut self.agenda,
                };
                self.network.stream(from, flow.remote, bytes, &mut air);
            }
        }
    }

    fn datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let mut air = Air {
            now: self.clock.passed(),
            random: &mut self.random,
            agenda: &mut self.agenda,
        };
        self.network.datagram((from, to), bytes, &mut air);
    }

    fn receive(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let node = Node::of(to.ip());
        if to.port() == SIP_PORT {
            self.arrive(node, flow(Protocol::Udp, from), bytes);
            return;
        }
        self.trace.note(self.clock.passed(), bytes);
        match node {
            Node::Site if self.site.is_media(to.port()) => {
                self.site
                    .receive(to.port(), from, bytes, self.clock.passed());
            }
            Node::Recorder(number) if number < self.recorders.len() => {
                let (port, data) = (to.port(), bytes);
                self.tell_recorder(number, srs::Input::Media { port, from, data });
            }
            Node::Site | Node::Recorder(_) | Node::Callers => {}
        }
    }

    fn on_stream(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Message {
                node,
                remote,
                bytes,
            } => self.arrive(node, flow(Protocol::Tcp, remote), &bytes),
            Arrival::Broken { node, remote } => {
                self.unreachable(node, flow(Protocol::Tcp, remote));
            }
        }
    }

    fn unreachable(&mut self, at: Node, flow: Flow) {
        self.trace
            .tell(self.clock.passed(), format!("{at:?} cannot reach {flow:?}"));
        match at {
            Node::Site => self.tell_engine(Input::Unreachable { flow }),
            Node::Recorder(number) => self.tell_recorder(number, srs::Input::Unreachable { flow }),
            Node::Callers => {}
        }
    }

    fn send_media(&mut self, worker: usize, sent: &[Sent], events: Vec<Event>) {
        for sent in sent {
            self.wiretap.media(worker, sent, self.clock.passed());
            self.datagram(sent.from, sent.to, &sent.bytes);
        }
        for event in events {
            let at = self.passed().after(RING);
            self.agenda.push(at, Happening::Told { worker, event });
        }
    }

    fn on_speech(&mut self, number: usize) {
        let caller = &mut self.callers[number];
        if caller.is_gone {
            return;
        }
        if caller.talks {
            let (from, to, packet) = (caller.from, caller.to, caller.packet());
            self.datagram(from, to, &packet);
        } else {
            caller.skip();
        }
        let at = self.passed().after(PACKET_TIME);
        self.agenda.push(at, Happening::Speech { caller: number });
    }
}

/// A request in HTTP.
pub fn request(method: &str, path: &str, body: Option<&Value>) -> String {
    let body = body.map(Value::to_string).unwrap_or_default();
    let (length, json) = (body.len(), "Content-Type: application/json");
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\n{json}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn config((number, plan): (usize, &Plan)) -> String {
    let address = Node::Recorder(number).sip();
    let uri = if plan.config.contains("uri =") {
        String::new()
    } else {
        format!("uri = \"sip:rec@{address}\"\n")
    };
    format!("id = \"r{number}\"\n{uri}{}", plan.config)
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned()
}
