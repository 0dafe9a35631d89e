//! What the document says about answers.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use sixreel_controlplane::control::limits;
use sixreel_controlplane::control::problem::{Problem, ProblemKind};
use sixreel_controlplane::control::request::{
    CallFacts, CodecName, Name, ParticipantFacts, ParticipantState, Party, PayloadName,
    PayloadType, Priority, Security, SourceSpec,
};
use sixreel_controlplane::control::srtp::SourceSrtp;
use sixreel_controlplane::control::view::*;
use sixreel_controlplane::time::Wall;

use super::{document, validator};

/// Every object has exactly the properties that its schema names.
fn strict(value: &mut Value) {
    if let Some(properties) = value.get("properties").and_then(Value::as_object) {
        let all: Vec<_> = properties.keys().cloned().collect();
        value["required"] = json!(all);
        value["additionalProperties"] = json!(false);
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(strict),
        Value::Array(items) => items.iter_mut().for_each(strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is wrong with `value`, if anything is.
fn complaints(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    let errors = errors.map(|error| format!("{}: {error}", error.instance_path()));
    errors.collect()
}

/// `full`, with everything in it, has exactly what the schema names; `bare`, with as little as
/// possible in it, has exactly what the schema requires.
fn assert_described(schema: &str, full: &impl Serialize, bare: &impl Serialize) {
    let document = document();
    let mut closed = document.clone();
    strict(&mut closed["components"]["schemas"]);
    let (full, bare) = (json!(full), json!(bare));
    let found = complaints(&validator(closed, schema), &full);
    assert!(found.is_empty(), "{schema}, full: {found:#?}");
    let required: BTreeSet<_> = document["components"]["schemas"][schema]["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let present: BTreeSet<_> = bare.as_object().unwrap().keys().map(|k| &**k).collect();
    assert_eq!(present, required, "{schema}, bare");
    let found = complaints(&validator(document, schema), &bare);
    assert!(found.is_empty(), "{schema}, bare: {found:#?}");
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn time() -> String {
    Wall(1_493_633_831_042).rfc3339()
}

fn party() -> Party {
    Party {
        name: Some("Called Name 1".to_owned()),
        number: Some("2000".to_owned()),
    }
}

fn decimal(thousandths: u64) -> Decimal {
    Decimal { thousandths }
}

fn counts() -> RecordingCounts {
    RecordingCounts {
        recording: 3,
        ..RecordingCounts::default()
    }
}

fn participant() -> ParticipantView {
    ParticipantView {
        id: name("p1"),
        facts: ParticipantFacts {
            name: Some("Calling Name".to_owned()),
            number: Some("1000".to_owned()),
            aor: Some("tel:1000".to_owned()),
            state: ParticipantState::Held,
        },
        joined: time(),
    }
}

fn keys() -> SourceSrtp {
    let parts = r#"{"suite": "AES_CM_128_HMAC_SHA1_80",
        "key": "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"}"#;
    serde_json::from_str(parts).unwrap()
}

fn source() -> SourceView {
    let types = [
        (PayloadType::new(0).unwrap(), PayloadName::Pcmu),
        (PayloadType::new(101).unwrap(), PayloadName::TelephoneEvent),
    ];
    SourceView {
        id: name("s1"),
        spec: SourceSpec {
            participant: name("p1"),
            payload_types: types.into_iter().collect(),
            remote: Some("192.0.2.1:4000".to_owned().try_into().unwrap()),
            jitter_max_ms: 200,
            srtp: Some(keys()),
        },
        address: [192, 0, 2, 7].into(),
        port: 20_000,
        state: SourceState::Active,
        latched: Some("192.0.2.1:4000".parse().unwrap()),
        packets: 50,
        lost: 1,
        late: 0,
        duplicates: 0,
        reordered: 0,
        concealed_ms: 20,
        jitter_ms: decimal(1_250),
        delay_ms: decimal(40_000),
        unauthentic: 3,
        replayed: 0,
    }
}

fn call() -> CallView {
    CallView {
        id: name("7"),
        facts: CallFacts {
            console_id: "c1".to_owned(),
            user: Some("u".to_owned()),
            calling: party(),
            called: vec![party()],
            codec: CodecName::Pcma,
            security: Security::Secure,
            priority: Priority::NonUrgent,
            lease_s: Some(60),
        },
        state: CallState::Active,
        started: time(),
        participants: vec![participant()],
        sources: vec![source()],
        recordings: vec![name("r1")],
    }
}

fn summary() -> CallSummary {
    CallSummary {
        id: name("7"),
        console_id: "c1".to_owned(),
        user: Some("u".to_owned()),
        calling: party(),
        state: CallState::Paused,
        started: time(),
        participants: 2,
        sources: 2,
        recordings: counts(),
    }
}

fn recording() -> RecordingView {
    RecordingView {
        id: name("7:r1"),
        call: name("7"),
        recorder: name("r1"),
        state: RecordingState::Recording,
        since: time(),
        established: Some(time()),
        attempts: 2,
        error: Some("486 Busy Here".to_owned()),
        next_attempt: Some(time()),
        sip_call_id: Some("558591eb6e73a81f01fc992f311e8242".to_owned()),
        transport: Some("tcp"),
        codec: Some(CodecName::Pcmu),
        suite: Some("AEAD_AES_128_GCM"),
        local: Some("192.0.2.7:20002".parse().unwrap()),
        remote: Some("[2001:db8::1]:6000".parse().unwrap()),
        packets: 50,
        bytes: 8000,
        report: Some(ReportView {
            lost: -1,
            fraction_lost_percent: decimal(500),
            jitter_ms: decimal(125),
            round_trip_ms: Some(decimal(2_000)),
        }),
        gaps: vec![gap()],
    }
}

fn gap() -> RecordingGapView {
    RecordingGapView {
        from: time(),
        to: Some(time()),
        reason: "the recorder answers no more".to_owned(),
    }
}

fn bare_recording() -> RecordingView {
    RecordingView {
        state: RecordingState::Connecting,
        established: None,
        error: None,
        next_attempt: None,
        sip_call_id: None,
        transport: None,
        codec: None,
        suite: None,
        local: None,
        remote: None,
        report: None,
        gaps: Vec::new(),
        ..recording()
    }
}

fn recorder_tls() -> RecorderTlsView {
    RecorderTlsView {
        verify: true,
        server_name: "srs.example.com".to_owned(),
    }
}

fn step() -> StepView {
    StepView {
        step: StepName::Options,
        result: StepResult::Unknown,
        detail: "the recorder answered 200 OK".to_owned(),
    }
}

fn tls_session() -> TlsView {
    TlsView {
        protocol: Some("TLS 1.3"),
        cipher: Some("TLS13_AES_256_GCM_SHA384".to_owned()),
        verified: true,
        chain: vec![certificate()],
    }
}

fn certificate() -> CertificateView {
    CertificateView {
        subject: "CN=srs".to_owned(),
        issuer: "CN=authority".to_owned(),
        not_before: time(),
        not_after: time(),
        names: vec!["URI:sip:srs.example.com".to_owned()],
    }
}

fn trial() -> TrialView {
    TrialView {
        recorder: name("r1"),
        ok: true,
        steps: vec![step()],
        tls: Some(tls_session()),
    }
}

fn setting() -> SettingView {
    SettingView {
        name: "id_format",
        value: "base64".to_owned(),
        set_by: "configuration",
    }
}

fn recorder() -> RecorderView {
    RecorderView {
        id: name("r1"),
        uri: "sip:recorder@srs.example.com:5060".to_owned(),
        transport: "tls",
        tls: Some(recorder_tls()),
        info: "both",
        profile: "controlone-2017",
        settings: vec![setting()],
        codecs: vec![CodecName::Pcmu, CodecName::Pcma],
        srtp: "required",
        srtp_suites: vec!["AEAD_AES_256_GCM", "AES_256_CM_HMAC_SHA1_32"],
        group: Some(name("main")),
        addresses: vec!["tcp 192.0.2.1:5060".to_owned()],
        state: RecorderState::Degraded,
        state_since: time(),
        state_reason: Some("192.0.2.1:5060 does not answer OPTIONS".to_owned()),
        recordings: RecordingCounts {
            recording: 1,
            retrying: 0,
            ..RecordingCounts::default()
        },
        last_established: Some(time()),
        last_failure: Some(time()),
        last_error: Some("no answer within 5 s".to_owned()),
    }
}

fn stats() -> StatsView {
    StatsView {
        uptime_s: 10,
        calls: 1,
        participants: 2,
        sources: 2,
        recordings: counts(),
        established_total: 3,
        failed_attempts_total: 1,
        ended_total: 0,
        last_event_id: 9,
        workers: vec![WorkerView {
            worker: 0,
            core: Some(1),
            calls: 1,
            sources: 2,
            sinks: 3,
            frames_used: 4,
            packets_in: 100,
            packets_out: 150,
            drops: [("late", 1)].into_iter().collect(),
            late_us: LatenessView {
                p50: 10,
                p99: 60,
                p999: 90,
                max: 120,
            },
            slots_skipped: 0,
            cpu_us: 1_000,
        }],
    }
}

fn event() -> EventView {
    EventView {
        id: 1,
        kind: EventKind::CallStarted,
        time: time(),
        call: Some(name("7")),
        recording: Some(name("7:r1")),
        recorder: Some(name("r1")),
        source: Some(name("s1")),
        detail: Some("recorder r1 answered".to_owned()),
    }
}

fn limits_view() -> LimitsView {
    LimitsView {
        calls: 1000,
        participants_per_call: 64,
        sources_per_call: 64,
        recorders: 6,
        called_parties: limits::CALLED_PARTIES as u32,
        request_head_bytes: limits::HEAD_BYTES as u32,
        request_body_bytes: limits::BODY_BYTES as u32,
        connections: limits::CONNECTIONS as u32,
        response_backlog_bytes: limits::BACKLOG_BYTES as u32,
        events_replayed: limits::EVENTS_REPLAYED as u32,
        sip_message_head_bytes: 1,
        sip_message_body_bytes: 1,
    }
}

#[test]
fn calls_are_described() {
    let bare = CallView {
        facts: CallFacts {
            user: None,
            calling: Party::default(),
            called: Vec::new(),
            lease_s: None,
            ..call().facts
        },
        participants: Vec::new(),
        sources: Vec::new(),
        recordings: Vec::new(),
        ..call()
    };
    assert_described("Call", &call(), &bare);
    let (full, bare) = (
        summary(),
        CallSummary {
            user: None,
            ..summary()
        },
    );
    assert_described("CallSummary", &full, &bare);
    let (full, bare) = (vec![full], Vec::new());
    let list = |calls, next| CallList { calls, next };
    assert_described("CallList", &list(full, Some(name("7"))), &list(bare, None));
    let bare = ParticipantView {
        facts: ParticipantFacts::default(),
        ..participant()
    };
    assert_described("Participant", &participant(), &bare);
    let mut bare = source();
    (bare.spec.remote, bare.latched) = (None, None);
    bare.spec.srtp = None;
    assert_described("Source", &source(), &bare);
}

#[test]
fn recordings_and_recorders_are_described() {
    assert_described("Recording", &recording(), &bare_recording());
    let list = |recordings, next| RecordingList { recordings, next };
    let (full, bare) = (vec![recording()], Vec::new());
    assert_described(
        "RecordingList",
        &list(full, Some(name("7"))),
        &list(bare, None),
    );
    let report = recording().report.unwrap();
    let bare = ReportView {
        round_trip_ms: None,
        ..report.clone()
    };
    assert_described("Report", &report, &bare);
    let bare = RecordingGapView { to: None, ..gap() };
    assert_described("RecordingGap", &gap(), &bare);
    let bare = RecorderView {
        tls: None,
        settings: Vec::new(),
        codecs: Vec::new(),
        group: None,
        addresses: Vec::new(),
        state: RecorderState::Up,
        state_reason: None,
        last_established: None,
        last_failure: None,
        last_error: None,
        ..recorder()
    };
    assert_described("Recorder", &recorder(), &bare);
    assert_described("Setting", &setting(), &setting());
    let list = |recorders| RecorderList { recorders };
    assert_described("RecorderList", &list(vec![recorder()]), &list(Vec::new()));
}

#[test]
fn tests_of_recorders_are_described() {
    assert_described("RecorderTls", &recorder_tls(), &recorder_tls());
    let bare = TrialView {
        steps: Vec::new(),
        tls: None,
        ..trial()
    };
    assert_described("Trial", &trial(), &bare);
    assert_described("TrialStep", &step(), &step());
    let bare = TlsView {
        protocol: None,
        cipher: None,
        chain: Vec::new(),
        ..tls_session()
    };
    assert_described("TlsSession", &tls_session(), &bare);
    let bare = CertificateView {
        names: Vec::new(),
        ..certificate()
    };
    assert_described("Certificate", &certificate(), &bare);
}

#[test]
fn the_server_is_described() {
    let bare = StatsView {
        workers: Vec::new(),
        ..stats()
    };
    assert_described("Stats", &stats(), &bare);
    let worker = stats().workers.remove(0);
    let bare = WorkerView {
        core: None,
        drops: std::collections::BTreeMap::new(),
        ..worker.clone()
    };
    assert_described("Worker", &worker, &bare);
    let health = |status, problems| HealthView { status, problems };
    let full = health(HealthStatus::Degraded, vec!["recorder r1 fails".to_owned()]);
    assert_described("Health", &full, &health(HealthStatus::Ok, Vec::new()));
    let version = VersionView {
        product: "sixreel",
        version: "0.1.0",
        api: 1,
        limits: limits_view(),
    };
    assert_described("Version", &version, &version);
}

#[test]
fn events_are_described() {
    let bare = EventView {
        call: None,
        recording: None,
        recorder: None,
        source: None,
        detail: None,
        ..event()
    };
    assert_described("Event", &event(), &bare);
    let kinds = EventKind::ALL.map(EventKind::name);
    let described = &document()["components"]["schemas"]["Event"]["properties"]["type"]["enum"];
    assert_eq!(described, &json!(kinds));
    assert_described(
        "EventGap",
        &GapView::new(Some(3), 4),
        &GapView::new(None, 1),
    );
}

#[test]
fn problems_are_described() {
    for kind in ProblemKind::ALL {
        let bare = Problem::new(kind, "detail", "remedy");
        let mut full = bare.clone();
        full.field = Some("called[1].name".to_owned());
        let json = |problem: &Problem| -> Value {
            serde_json::from_slice(&problem.response().body).unwrap()
        };
        assert_described("Problem", &json(&full), &json(&bare));
    }
    let document = document();
    let described = &document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    assert_eq!(described.as_array().unwrap().len(), ProblemKind::ALL.len());
}

#[test]
fn the_states_of_recorders_are_described() {
    use RecorderState::{Degraded, Down, Up};
    let names = [Up, Degraded, Down].map(RecorderState::name);
    assert_eq!(json!([Up, Degraded, Down]), json!(names));
    let document = document();
    let schema = &document["components"]["schemas"]["Recorder"]["properties"]["state"];
    assert_eq!(schema["enum"], json!(names));
}

#[test]
fn the_largest_page_of_calls_fits_what_may_wait_for_a_reader() {
    let text = |length: usize| "\u{1}".repeat(length);
    let calls = CallSummary {
        id: name(&"x".repeat(limits::ID_CHARS)),
        console_id: text(limits::CONSOLE_ID_CHARS),
        user: Some(text(limits::USER_CHARS)),
        calling: Party {
            name: Some(text(limits::NAME_CHARS)),
            number: Some(text(limits::NUMBER_CHARS)),
        },
        participants: u32::MAX,
        sources: u32::MAX,
        recordings: RecordingCounts {
            connecting: u64::MAX,
            recording: u64::MAX,
            paused: u64::MAX,
            retrying: u64::MAX,
            failed: u64::MAX,
            ending: u64::MAX,
        },
        ..summary()
    };
    let page = vec![calls; *limits::PAGE.end()];
    assert!(json!(page).to_string().len() < limits::BACKLOG_BYTES);
}
