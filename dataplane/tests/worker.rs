//! A worker with a real clock, and once with real sockets. Nothing here depends on how fast it is:
//! each step waits for the one before, and time limits only end what hangs.

/// What the tests of this crate share.
mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::port::{Datagram, KernelPort, MemoryPort, Port};
use sixreel_dataplane::wire::is_rtcp;
use sixreel_dataplane::worker::{Wake, Worker, WorkerConfig, start};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "a worker keeps real time")]
fn config(port: Port, wake: Wake, notify: Box<dyn Fn() + Send>) -> WorkerConfig {
    WorkerConfig {
        name: "test".to_owned(),
        core: None,
        wake,
        limits: LIMITS,
        port,
        epoch: Instant::now(),
        epoch_ntp: EPOCH_NTP,
        notify,
    }
}

/// A worker, and what it rings when there are events.
fn worker(port: Port, wake: Wake) -> (Worker, Receiver<()>) {
    let (bell, rung) = channel();
    let notify = Box::new(move || {
        // Nobody listens any more when the test ends.
        let _ = bell.send(());
    });
    let worker = start(config(port, wake, notify)).expect("the system gives a thread");
    (worker, rung)
}

/// Waits for an event.
fn wait_for<T>(worker: &Worker, rung: &Receiver<()>, want: impl Fn(Event) -> Option<T>) -> T {
    loop {
        while let Some(event) = worker.try_event() {
            if let Some(found) = want(event) {
                return found;
            }
        }
        rung.recv_timeout(PATIENCE)
            .expect("events come at least once a second");
    }
}

fn figures(event: Event) -> Option<WorkerStats> {
    if let Event::Worker { stats } = event {
        Some(stats)
    } else {
        None
    }
}

/// A UDP socket and the address at which the worker finds it.
fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((LOCAL, 0)).expect("there is a free port");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("the time is not zero");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, u16) {
    let mut buffer = [0; 2048];
    let (len, from) = socket.recv_from(&mut buffer).expect("a packet comes");
    (buffer[..len].to_vec(), from.port())
}

fn open(worker: &Worker, flow: SinkFlow) {
    for command in [
        Command::OpenCall { call: call(0) },
        Command::OpenSource {
            call: call(0),
            source: stream(1),
            spec: source_spec(1),
        },
        Command::OpenSink {
            call: call(0),
            sink: stream(2),
            spec: sink_spec(2),
        },
        Command::SetSink {
            sink: stream(2),
            flow,
        },
    ] {
        worker.send(command).expect("the ring is empty");
    }
}

#[test]
fn a_call_goes_through_real_sockets_from_end_to_end() {
    let (port, first) = (30_000..60_000)
        .step_by(100)
        .find_map(|first| Some((KernelPort::bind(LOCAL, first, LIMITS.streams).ok()?, first)))
        .expect("there is a free range");
    let (worker, rung) = worker(Port::Kernel(port), Wake::Sleep);
    let ((media, remote), (control, rtcp)) = (socket(), socket());
    open(
        &worker,
        SinkFlow {
            remote,
            rtcp: RtcpRemote::At(rtcp),
            ..flow(Codec::Pcmu)
        },
    );
    let mut talker = Talker::new(5);
    let (phone, _) = socket();
    let said = ulaw(&vowel(160 * 200));
    let mut payloads = said.chunks(160);
    let mut sequence = None;
    // The recorder's clock paces the talker, so that neither outruns the other.
    loop {
        let (data, from) = receive(&media);
        let rtp = read(&data);
        assert_eq!(from, first + 4, "from the port that the offer named");
        assert_eq!(sequence.is_none(), rtp.marker);
        assert!(sequence.is_none_or(|before: u16| before.wrapping_add(1) == rtp.sequence));
        sequence = Some(rtp.sequence);
        if rtp.csrcs == [1] && rtp.payload.iter().any(|byte| *byte != 0xff) {
            break;
        }
        let payload = payloads.next().expect("it is heard before it ends");
        let packet = talker.packet(payload);
        phone
            .send_to(&packet, (LOCAL, first + 2))
            .expect("the worker's port is open");
    }
    let latched = wait_for(&worker, &rung, |event| match event {
        Event::SourceLatched { remote, ssrc, .. } => Some((remote, ssrc)),
        Event::SourceSilent { .. }
        | Event::SourceLost { .. }
        | Event::SourceHeard { .. }
        | Event::SourceStats { .. }
        | Event::SinkStats { .. }
        | Event::SinkBye { .. }
        | Event::Worker { .. } => None,
    });
    assert_eq!(latched, (phone.local_addr().expect("it is bound"), 5));
    worker
        .send(Command::CloseCall { call: call(0) })
        .expect("the ring is empty");
    loop {
        let (data, from) = receive(&control);
        assert!(is_rtcp(&data));
        assert_eq!(from, first + 5);
        if data.ends_with(&[0x81, 203, 0, 1, 0, 0, 0x03, 0xea]) {
            break;
        }
    }
    let stats = wait_for(&worker, &rung, |event| {
        figures(event).filter(|s| s.calls == 0)
    });
    assert_eq!((stats.sources, stats.sinks, stats.frames_used), (0, 0, 0));
    assert!(stats.packets_in > 0 && stats.packets_out > 0 && stats.cpu_us > 0);
    worker.stop();
}

#[test]
fn a_worker_without_calls_waits_and_still_tells_that_it_lives() {
    for wake in [Wake::Sleep, Wake::BusyPoll] {
        let (port, _peer) = MemoryPort::new(1).expect("there are descriptors");
        let (worker, rung) = worker(Port::Memory(port), wake);
        let stats = wait_for(&worker, &rung, figures);
        assert_eq!(
            (stats.calls, stats.slots_skipped, stats.late_max_us),
            (0, 0, 0)
        );
        worker.stop();
    }
}

#[test]
fn a_worker_serves_a_port_of_memory() {
    let (port, peer) = MemoryPort::new(1000).expect("there are descriptors");
    let (worker, rung) = worker(Port::Memory(port), Wake::Sleep);
    open(&worker, flow(Codec::Pcma));
    let mut talker = Talker::new(5);
    let packet = talker.packet(&[0x20; 160]);
    let datagram = Datagram::new(1, false, talker.from, &packet).expect("it is short");
    assert!(peer.send(datagram));
    let sent = wait_for(&worker, &rung, |event| match event {
        Event::SinkStats { stats, .. } => Some(stats.packets),
        Event::SourceLatched { .. }
        | Event::SourceSilent { .. }
        | Event::SourceLost { .. }
        | Event::SourceHeard { .. }
        | Event::SourceStats { .. }
        | Event::SinkBye { .. }
        | Event::Worker { .. } => None,
    });
    worker.stop();
    let received: Vec<_> = std::iter::from_fn(|| peer.receive()).collect();
    assert!(received.len() as u64 >= sent && sent > 0);
    assert!(received.iter().all(|datagram| datagram.pair == 2));
}

#[test]
fn commands_that_wait_are_obeyed_before_the_end() {
    let (port, peer) = MemoryPort::new(1000).expect("there are descriptors");
    let (worker, rung) = worker(Port::Memory(port), Wake::Sleep);
    open(&worker, flow(Codec::Pcmu));
    wait_for(&worker, &rung, |event| {
        figures(event).filter(|stats| stats.packets_out > 0)
    });
    worker
        .send(Command::CloseCall { call: call(0) })
        .expect("the ring is empty");
    worker.stop();
    let last = std::iter::from_fn(|| peer.receive())
        .last()
        .expect("it sent");
    assert!(last.rtcp && is_rtcp(last.data()), "BYE was said");
}

#[test]
fn a_core_that_is_not_there_is_refused() {
    for core in [500, 5000] {
        let (port, _peer) = MemoryPort::new(1).expect("there are descriptors");
        let refused = WorkerConfig {
            core: Some(core),
            ..config(Port::Memory(port), Wake::Sleep, Box::new(|| ()))
        };
        let error = start(refused)
            .expect_err("no machine has so many")
            .to_string();
        assert!(
            error.contains(&format!("core {core}: choose one")),
            "{error}"
        );
    }
}
