//! A foreign decoder plays what a sink sends, from a session description with its key.
#![cfg(test)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::time::Duration;

use sixreel_controlplane::media::keys;
use sixreel_controlplane::random::Random;
use sixreel_controlplane::sdp::{Codec, Crypto, Direction, Local, MasterKey, Suite};
use sixreel_dataplane::api::{
    self, CallId, Cname, Command, Handle, Limits, RtcpRemote, SinkFlow, SinkKeys, SinkSpec,
    SourceSpec, StreamId,
};
use sixreel_dataplane::codec::g711;
use sixreel_dataplane::pipeline::{Events, Pipeline};
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::datagram::Packet;
use sixreel_dataplane::wire::rtp;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const PERIODS: u32 = 150;
/// Samples of a period.
const BLOCK: usize = 160;

const fn handle(index: u32) -> Handle {
    Handle {
        index,
        generation: 1,
    }
}

const CALL: CallId = CallId(handle(0));
const SOURCE: StreamId = StreamId(handle(0));
const SINK: StreamId = StreamId(handle(1));

/// Two tones that no silence and no shift can be taken for.
fn spoken() -> Vec<i16> {
    let tone = |n: usize, hertz: f64| (n as f64 * hertz * std::f64::consts::TAU / 8000.0).sin();
    (0..PERIODS as usize * BLOCK)
        .map(|n| (6000.0 * tone(n, 440.0) + 4000.0 * tone(n, 1000.0 + n as f64 / 100.0)) as i16)
        .collect()
}

/// A pipeline with one source and one secure sink that sends to `remote`.
fn pipeline(line: &Crypto, theirs: &Crypto, remote: SocketAddr) -> (Pipeline, Nanos) {
    let limits = Limits {
        calls: 1,
        sources_per_call: 1,
        sinks_per_call: 1,
        streams: 2,
        frames: 50,
    };
    let mut pipeline = Pipeline::new(limits, 0);
    let (mut out, mut events) = (pipeline.batch(), Events::new(100));
    let now = Nanos::from_millis(1000);
    let mut payloads = api::PayloadMap::EMPTY;
    payloads.0[0] = Some(api::Payload::Audio(api::Codec::Pcmu));
    let cname = Cname::new("sixreel").unwrap();
    for command in [
        Command::OpenCall { call: CALL },
        Command::OpenSource {
            call: CALL,
            source: SOURCE,
            spec: SourceSpec {
                payloads,
                remote: api::AllowedRemote::First,
                csrc: 1,
                cname,
                jitter_max_ms: 100,
            },
            keys: None,
        },
        Command::OpenSink {
            call: CALL,
            sink: SINK,
            spec: SinkSpec {
                ssrc: 7,
                sequence: 100,
                timestamp: 0,
                cname,
                csrc: false,
                rtcp_seed: 1,
            },
        },
        Command::SetSink {
            sink: SINK,
            flow: SinkFlow {
                remote,
                rtcp: RtcpRemote::At(SocketAddr::new(remote.ip(), remote.port() + 1)),
                codec: api::Codec::Pcmu,
                payload_type: 0,
                sending: true,
            },
            keys: Some(SinkKeys {
                ours: keys(SUITE, &line.keys[0]),
                theirs: keys(SUITE, &theirs.keys[0]),
            }),
        },
    ] {
        pipeline.apply(command, now, &mut out, &mut events);
    }
    (pipeline, now)
}

/// Everything that the sink sends while somebody speaks, and where to.
fn sent(mut pipeline: Pipeline, mut now: Nanos) -> Vec<(SocketAddr, Vec<u8>)> {
    let (mut out, mut events) = (pipeline.batch(), Events::new(100));
    let mut sent = Vec::new();
    for (number, samples) in (0_u32..).zip(spoken().chunks(BLOCK)) {
        let mut packet = vec![0; 12 + BLOCK];
        let header = rtp::Header {
            marker: false,
            payload_type: 0,
            sequence: number as u16,
            timestamp: number * BLOCK as u32,
            ssrc: 9,
            csrcs: &[],
        };
        header.write(&mut packet);
        g711::encode_ulaw(samples, &mut packet[12..]);
        let packet = Packet {
            pair: 0,
            rtcp: false,
            from: ([192, 0, 2, 1], 4000).into(),
            data: &packet,
        };
        pipeline.receive(packet, now);
        now = now.after(Nanos::from_millis(20));
        while pipeline.next_slot().is_some_and(|due| due <= now) {
            pipeline.tick(now, &mut out, &mut events);
            sent.extend(out.iter().map(|packet| (packet.to, packet.data.to_vec())));
            out.clear();
            while events.pop().is_some() {}
        }
    }
    sent
}

/// As long as a packet lasts.
#[expect(
    clippy::disallowed_methods,
    reason = "ffmpeg plays in its own time, and says nothing of it"
)]
fn rest() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Has ffmpeg play the stream of a description into a file of raw samples.
fn play(description: &Path, file: &Path, packets: &[(SocketAddr, Vec<u8>)]) -> Vec<i16> {
    let mut ffmpeg = Program::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(["-protocol_whitelist", "file,rtp,udp,srtp,crypto"])
        .args(["-analyzeduration", "0", "-t", "2.5", "-i"])
        .arg(description)
        .args(["-f", "s16le", "-ar", "8000", "-ac", "1"])
        .arg(file)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // It says nothing when it is ready: it is, when its port is taken.
    let port = packets[0].0.port();
    while UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
        rest();
        assert!(ffmpeg.try_wait().unwrap().is_none(), "ffmpeg has ended");
    }
    for (to, bytes) in packets {
        let _ = socket.send_to(bytes, to);
        rest();
    }
    let patience = 500;
    let ended = (0..patience).any(|_| {
        rest();
        ffmpeg.try_wait().unwrap().is_some()
    });
    if !ended {
        ffmpeg.kill().unwrap();
        ffmpeg.wait().unwrap();
    }
    let bytes = std::fs::read(file).unwrap_or_default();
    let samples = bytes.chunks_exact(2);
    samples
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// The best signal-to-noise ratio at any place of the recording, in decibels.
fn snr_db(heard: &[i16]) -> f64 {
    let wanted = &spoken()[BLOCK * 50..BLOCK * 75];
    let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|x| x * x).sum::<f64>();
    let signal = power(&mut wanted.iter().map(|sample| f64::from(*sample)));
    let at = |place: usize| {
        let pairs = wanted.iter().zip(&heard[place..]);
        let noise = power(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)));
        10.0 * (signal / noise.max(1.0)).log10()
    };
    let places = 0..heard.len().saturating_sub(wanted.len());
    places.map(at).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn ffmpeg_plays_a_protected_stream_with_its_key_and_not_with_another() {
    let has_ffmpeg = Program::new("ffmpeg").arg("-version").output().is_ok();
    if !has_ffmpeg {
        println!("skipped: there is no ffmpeg");
        return;
    }
    let mut random = Random::new([4; 32]);
    let [line, theirs] = [1, 2].map(|tag| Crypto::fresh(tag, SUITE, &mut random, &[]));
    let folder = tempfile::tempdir().unwrap();
    let mut ratios = Vec::new();
    for (name, right) in [("right", true), ("wrong", false)] {
        let port = loop {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = socket.local_addr().unwrap().port();
            if port.is_multiple_of(2) && UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)).is_ok() {
                break port;
            }
        };
        let mut described = line.clone();
        if !right {
            described.keys[0].key = MasterKey::new(&[1; 30]).unwrap();
        }
        let receiver = Local {
            session_id: 1,
            address: Ipv4Addr::LOCALHOST.into(),
            port,
            codecs: vec![Codec::Pcmu],
            telephone_event: false,
            label: None,
            direction: Direction::RecvOnly,
            rtcp_mux: false,
            crypto: vec![described],
        };
        let description = folder.path().join(format!("{name}.sdp"));
        std::fs::write(&description, receiver.offer(None).write()).unwrap();
        let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (pipeline, now) = pipeline(&line, &theirs, remote);
        let packets = sent(pipeline, now);
        let heard = play(&description, &folder.path().join(name), &packets);
        ratios.push(snr_db(&heard));
    }
    assert!(ratios[0] > 25.0 && ratios[1] < 3.0, "{ratios:?}");
}
