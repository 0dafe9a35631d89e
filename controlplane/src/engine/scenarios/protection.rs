//! Scenarios: how audio is protected, from the control interface to the data plane.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sixreel_dataplane::api::{Command, SinkKeys};

use crate::control::http::{Incoming, Method};
use crate::control::problem::Problem;
use crate::control::reply::{Reply, View};
use crate::control::route::{Asked, route};
use crate::control::view::{EventView, RecordingState, RecordingView};
use crate::engine::*;
use crate::media::keys;
use crate::sdp::{Crypto, Description, KeyParam, MasterKey, Profile, Suite};
use crate::sip::flow::{Protocol, TlsSettings};
use crate::time::Wall;
use crate::turn::Output;

/// A site with one recorder that is spoken to by TLS.
struct World {
    engine: Engine,
    now: Now,
    /// Everything that came out, oldest first.
    out: Vec<Output>,
    /// How much of it was looked at for INVITEs.
    seen: usize,
}

const FLOW: Flow = Flow {
    protocol: Protocol::Tls(TlsSettings::Recorder(0)),
    remote: SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)),
        5061,
    ),
};

impl World {
    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn new(recorder: &str) -> Self {
        let config = format!(
            "[sip]\naddress = \"192.0.2.1:5060\"\n[media]\naddress = \"192.0.2.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.2\"\ninfo = \"headers\"\n\
             transport = \"tls\"\n{recorder}\n"
        );
        let now = Now {
            mono: Instant::now(),
            wall: Wall(1_780_272_000_000),
        };
        let config = Config::parse(&config).unwrap();
        Self {
            engine: Engine::new(&config, Random::new([5; 32]), now),
            now,
            out: Vec::new(),
            seen: 0,
        }
    }

    /// The same, in which a call has begun.
    fn with_call(recorder: &str, security: &str) -> Self {
        let mut world = Self::new(recorder);
        let call = json!({ "console_id": "c", "security": security });
        world.put("/v1/calls/7", &call).unwrap();
        let participant = json!({ "number": "1000" });
        let path = "/v1/calls/7/participants/p";
        world.put(path, &participant).unwrap();
        world
    }

    /// Asks the control interface; the answer, or the problem.
    fn put(&mut self, path: &str, body: &Value) -> Result<View, Problem> {
        let request = route(&Incoming {
            method: Method::Put,
            target: path.to_owned(),
            content_type: None,
            last_event_id: None,
            body: body.to_string().into_bytes(),
        });
        let Ok(Asked::Request(request)) = request else {
            panic!("{path} is nothing for the engine");
        };
        let ticket = Ticket {
            client: 0,
            generation: 0,
            number: 0,
        };
        let now = self.now;
        self.handle(Input::Control { ticket, request }, now);
        match self.out.iter().rev().find_map(|output| {
            let Output::Reply { reply, .. } = output else {
                return None;
            };
            Some(reply.clone())
        }) {
            Some(Reply::Ok(view) | Reply::Created(view)) => Ok(view),
            Some(Reply::Problem(problem)) => Err(problem),
            other => panic!("{other:?}"),
        }
    }

    fn put_source(&mut self, srtp: &Value) -> Result<View, Problem> {
        let source = json!({
            "participant": "p", "payload_types": { "0": "PCMU" }, "srtp": srtp,
        });
        self.put("/v1/calls/7/sources/s", &source)
    }

    fn handle(&mut self, input: Input, now: Now) {
        self.now = now;
        self.engine.handle(input, now, &mut self.out);
    }

    /// The next INVITE that was sent, as text, and its offer.
    fn invite(&mut self) -> Option<(String, Description)> {
        while let Some(output) = self.out.get(self.seen) {
            self.seen += 1;
            if let Output::Transmit { flow, bytes } = output
                && bytes.starts_with(b"INVITE ")
            {
                assert_eq!(*flow, FLOW, "nothing leaves by another way");
                let text = String::from_utf8(bytes.clone()).unwrap();
                let (_, body) = text.split_once("\r\n\r\n").unwrap();
                let offer = Description::parse(body.as_bytes()).unwrap();
                return Some((text, offer));
            }
        }
        None
    }

    /// Whether a message was sent that begins so.
    fn said(&self, words: &[u8]) -> bool {
        self.out.iter().any(|output| {
            let Output::Transmit { bytes, .. } = output else {
                return false;
            };
            bytes.starts_with(words)
        })
    }

    /// The recorder answers an INVITE.
    fn answer(&mut self, invite: &str, status: &str, body: &str) {
        let header = |name: &str| {
            let mut lines = invite.lines();
            lines
                .find(|line| line.starts_with(name))
                .unwrap()
                .to_owned()
        };
        let [via, from, to, call_id, cseq] =
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].map(header);
        let text = format!(
            "SIP/2.0 {status}\r\n{via}\r\n{from}\r\n{to};tag=r\r\n{call_id}\r\n{cseq}\r\n\
             Contact: <sip:rec@192.0.2.2:5061;transport=tls>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let message = Message::parse(text.as_bytes(), FLOW.protocol).unwrap();
        let now = self.now;
        self.handle(
            Input::Sip {
                flow: FLOW,
                message,
            },
            now,
        );
    }

    /// The recorder takes an INVITE with this m-line and these crypto lines.
    fn accept(&mut self, invite: &str, profile: &str, crypto: &[String]) {
        let lines: String = crypto
            .iter()
            .map(|line| format!("a=crypto:{line}\r\n"))
            .collect();
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
             m=audio 6000 {profile} 0\r\na=recvonly\r\n{lines}"
        );
        self.answer(invite, "200 OK", &body);
    }

    fn events(&self, kind: EventKind) -> Vec<&EventView> {
        let events = self.out.iter().filter_map(|output| {
            let Output::Tell(event) = output else {
                return None;
            };
            Some(event)
        });
        events.filter(|event| event.kind == kind).collect()
    }

    /// The keys with which the sink was last set; nothing where it never was.
    fn sink(&self) -> Option<Option<SinkKeys>> {
        self.out.iter().rev().find_map(|output| {
            let Output::Media {
                command: Command::SetSink { keys, .. },
                ..
            } = output
            else {
                return None;
            };
            Some(keys.clone())
        })
    }

    fn recording(&self) -> RecordingView {
        let call = self.engine.calls.values().next().unwrap();
        call.recordings()[0].view(call.id(), &self.engine.media)
    }

    /// Everything that is told, logged or shown, as text.
    fn everything_told(&self) -> String {
        let told = self
            .out
            .iter()
            .filter(|output| !matches!(output, Output::Transmit { .. }));
        let told: Vec<_> = told.map(|output| format!("{output:?}")).collect();
        let view = serde_json::to_string(&self.recording()).unwrap();
        format!("{told:?} {view} {:?}", self.engine)
    }
}

fn line(tag: u32, suite: Suite, byte: u8) -> Crypto {
    let key = MasterKey::new(&vec![byte; suite.inline_len()]).unwrap();
    Crypto {
        tag,
        suite,
        keys: vec![KeyParam::plain(key)],
        params: Vec::new(),
    }
}

fn written(line: &Crypto) -> String {
    line.write().to_string()
}

const REQUIRED: &str = "srtp = \"required\"";
const OPTIONAL: &str = "srtp = \"optional\"";

#[test]
fn a_recording_is_protected_by_the_keys_of_offer_and_answer() {
    let mut world = World::with_call(REQUIRED, "none");
    let (invite, offer) = world.invite().unwrap();
    let media = &offer.media[0];
    assert_eq!((&media.profile, media.crypto.len()), (&Profile::Savp, 4));
    let theirs = line(2, media.crypto[1].suite, 9);
    world.accept(&invite, "RTP/SAVP", &[written(&theirs)]);
    let expected = SinkKeys {
        ours: keys(theirs.suite, &media.crypto[1].keys[0]),
        theirs: keys(theirs.suite, &theirs.keys[0]),
    };
    assert_eq!(world.sink(), Some(Some(expected)));
    let view = world.recording();
    assert_eq!(view.suite, Some("AEAD_AES_128_GCM"));
    assert_eq!(view.state, RecordingState::Recording);
    let established = world.events(EventKind::RecordingEstablished);
    let detail = established[0].detail.as_deref().unwrap();
    assert!(detail.contains("by SRTP AEAD_AES_128_GCM"), "{detail}");

    let told = world.everything_told();
    for line in offer.media[0].crypto.iter().chain([&theirs]) {
        let key = &line.keys[0].key;
        let hex: String = key
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(!told.contains(&key.to_base64()[..20]) && !told.contains(&hex[..20]));
        assert!(!told.contains(&format!("{:?}", &key.as_bytes()[..8])[1..20]));
    }
}

#[test]
fn an_answer_that_is_not_as_it_must_be_is_no_recording() {
    let echo = |offer: &Description| written(&offer.media[0].crypto[0]);
    let short = format!("1 AEAD_AES_256_GCM inline:{}", "A".repeat(40));
    let good = written(&line(1, Suite::AeadAes256Gcm, 9));
    type Lines = Box<dyn Fn(&Description) -> Vec<String>>;
    let cases: [(&str, Lines, &str); 6] = [
        (
            "RTP/AVP",
            Box::new(|_| Vec::new()),
            "it must be \"RTP/SAVP\"",
        ),
        ("RTP/SAVP", Box::new(|_| Vec::new()), "no a=crypto line"),
        (
            "RTP/SAVP",
            Box::new(|_| vec![written(&line(9, Suite::AeadAes256Gcm, 9))]),
            "the crypto tag 9",
        ),
        (
            "RTP/SAVP",
            Box::new(move |_| vec![short.clone()]),
            "have 30 bytes",
        ),
        (
            "RTP/SAVP",
            Box::new(move |offer| vec![echo(offer)]),
            "or our own",
        ),
        (
            "RTP/SAVP",
            Box::new(move |_| vec![good.clone(), written(&line(2, Suite::AeadAes128Gcm, 8))]),
            "exactly one",
        ),
    ];
    for (profile, lines, why) in cases {
        let mut world = World::with_call(REQUIRED, "none");
        let (invite, offer) = world.invite().unwrap();
        world.accept(&invite, profile, &lines(&offer));
        assert_eq!(world.sink(), None, "{why}: nothing is sent");
        assert_eq!(world.recording().state, RecordingState::Retrying);
        let failed = world.events(EventKind::RecordingFailed);
        let detail = failed[0].detail.as_deref().unwrap();
        assert!(detail.contains(why), "{detail}");
        assert!(world.said(b"BYE "), "the recorder is told");
    }
}

#[test]
fn a_recorder_that_refuses_protection_gets_it_in_clear_where_the_site_allows_that() {
    let mut world = World::with_call(OPTIONAL, "none");
    let (invite, _) = world.invite().unwrap();
    world.answer(&invite, "488 Not Acceptable Here", "");
    let (invite, offer) = world.invite().unwrap();
    let media = &offer.media[0];
    assert_eq!((&media.profile, media.crypto.len()), (&Profile::Avp, 0));
    world.accept(&invite, "RTP/AVP", &[]);
    assert_eq!(world.sink(), Some(None));
    assert_eq!(world.recording().suite, None);

    for (srtp, security) in [(REQUIRED, "none"), (OPTIONAL, "secure")] {
        let mut world = World::with_call(srtp, security);
        let mut offers = 0;
        while let Some((invite, offer)) = world.invite() {
            assert_eq!(offer.media[0].profile, Profile::Savp, "never in clear");
            world.answer(&invite, "488 Not Acceptable Here", "");
            offers += 1;
        }
        assert!(offers > 1, "one codec at a time is offered, too");
        assert_eq!(world.recording().state, RecordingState::Failed);
    }
}

#[test]
fn a_secure_call_is_recorded_as_securely_or_not_at_all() {
    let mut world = World::with_call("", "secure");
    assert!(world.invite().is_none());
    let failed = world.events(EventKind::RecordingFailed);
    let detail = failed[0].detail.as_deref().unwrap();
    assert!(
        detail.contains("require_secure_if_cs_secure = false"),
        "{detail}"
    );

    // The call turns out to be stronger than its recording.
    let mut world = World::with_call(REQUIRED, "secure");
    let (invite, _) = world.invite().unwrap();
    world.accept(
        &invite,
        "RTP/SAVP",
        &[written(&line(4, Suite::AesCm128HmacSha1_80, 9))],
    );
    assert_eq!(world.recording().suite, Some("AES_CM_128_HMAC_SHA1_80"));
    let strong = written(&line(1, Suite::AeadAes256Gcm, 7));
    world.put_source(&json!(strong)).unwrap();
    let (invite, offer) = world.invite().unwrap();
    let suites: Vec<_> = offer.media[0]
        .crypto
        .iter()
        .map(|line| line.suite)
        .collect();
    assert_eq!(suites, [Suite::AeadAes256Gcm, Suite::AesCm256HmacSha1_80]);
    world.accept(&invite, "RTP/SAVP", &[written(&line(2, suites[1], 9))]);
    assert_eq!(world.recording().suite, Some("AES_256_CM_HMAC_SHA1_80"));

    let weak = format!("{REQUIRED}\nsrtp_suites = [\"AES_CM_128_HMAC_SHA1_80\"]");
    let mut world = World::with_call(&weak, "secure");
    let (invite, _) = world.invite().unwrap();
    world.put_source(&json!(strong)).unwrap();
    world.accept(
        &invite,
        "RTP/SAVP",
        &[written(&line(1, Suite::AesCm128HmacSha1_80, 9))],
    );
    assert_eq!(world.recording().state, RecordingState::Failed);
    let failed = world.events(EventKind::RecordingFailed);
    let detail = failed[0].detail.as_deref().unwrap();
    assert!(detail.contains("encrypted with 256 bits"), "{detail}");
}

#[test]
fn a_key_of_the_call_is_none_of_a_recording() {
    let mut world = World::with_call(REQUIRED, "none");
    let (_, offer) = world.invite().unwrap();
    let stolen = written(&offer.media[0].crypto[0]);
    let problem = world.put_source(&json!(stolen)).unwrap_err();
    assert_eq!(problem.field.as_deref(), Some("srtp"));
    assert!(!format!("{problem:?}").contains(&stolen[26..40]));

    let source = line(1, Suite::AesCm128HmacSha1_80, 7);
    let view = world.put_source(&json!(written(&source))).unwrap();
    let shown = serde_json::to_value(&view).unwrap();
    assert_eq!(shown["srtp"], json!({ "suite": "AES_CM_128_HMAC_SHA1_80" }));
    let opened = world.out.iter().rev().find_map(|output| {
        let Output::Media {
            command: Command::OpenSource { keys, .. },
            ..
        } = output
        else {
            return None;
        };
        Some(keys.clone())
    });
    let expected = keys(source.suite, &source.keys[0]);
    assert_eq!(opened, Some(Some(expected)));
}

#[test]
fn a_pause_repeats_the_crypto_lines_and_keeps_the_keys() {
    let mut world = World::with_call(REQUIRED, "none");
    let (invite, first) = world.invite().unwrap();
    let theirs = line(1, Suite::AeadAes256Gcm, 9);
    world.accept(&invite, "RTP/SAVP", &[written(&theirs)]);
    let before = world.sink();
    let later = world.now.after(Duration::from_secs(1));
    let key = *world.engine.calls.keys().next().unwrap();
    let engine = &mut world.engine;
    engine.with_call(key, later, &mut world.out, |call, turn| {
        call.set_paused(true, turn)
    });
    let (_, second) = world.invite().unwrap();
    assert_eq!(second.media[0].crypto, first.media[0].crypto);
    assert_eq!(second.version, first.version + 1);
    assert_eq!(world.sink(), before, "RFC 4568 §7.1.4: the same keys go on");
}

#[test]
fn a_recorder_that_moves_gets_another_key() {
    for (number, (port, byte, moves)) in [(6000, 9, false), (7000, 8, true)].into_iter().enumerate()
    {
        let mut world = World::with_call(REQUIRED, "none");
        let (invite, first) = world.invite().unwrap();
        let theirs = line(1, Suite::AeadAes256Gcm, 9);
        world.accept(&invite, "RTP/SAVP", &[written(&theirs)]);
        let header = |name: &str| {
            let mut lines = invite.lines();
            let line = lines.find(|line| line.starts_with(name)).unwrap();
            line.split_once(": ").unwrap().1.to_owned()
        };
        let body = format!(
            "v=0\r\no=- 1 {} IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
             m=audio {port} RTP/SAVP 0\r\na=recvonly\r\na=crypto:{}\r\n",
            number + 2,
            written(&line(3, Suite::AeadAes256Gcm, byte))
        );
        let text = format!(
            "INVITE sip:sixreel@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/TLS 192.0.2.2;branch=z9hG4bK{number}\r\nFrom: {};tag=r\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} INVITE\r\nMax-Forwards: 70\r\n\
             Contact: <sip:rec@192.0.2.2:5061;transport=tls>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            header("To"),
            header("From"),
            header("Call-ID"),
            number + 1,
            body.len()
        );
        let message = Message::parse(text.as_bytes(), FLOW.protocol).unwrap();
        let now = world.now;
        world.handle(
            Input::Sip {
                flow: FLOW,
                message,
            },
            now,
        );
        let sent = world.sink().unwrap().unwrap();
        let first = keys(theirs.suite, &first.media[0].crypto[0].keys[0]);
        assert_eq!(sent.ours != first, moves);
        assert_eq!(
            sent.theirs,
            keys(theirs.suite, &line(3, theirs.suite, byte).keys[0])
        );
    }
}
