//! Things that a server can show.

use sixreel_controlplane::control::reply::{Reply, View};
use sixreel_controlplane::control::request::{
    CallFacts, CodecName, ParticipantFacts, Party, Priority, Request, Security,
};
use sixreel_controlplane::control::view::*;

use super::name;

/// A plausible answer to anything.
pub(crate) fn answer(request: &Request) -> Reply {
    match request {
        Request::CallList { .. } => Reply::Ok(View::Calls(CallList {
            calls: vec![summary("7")],
            next: None,
        })),
        Request::CallPut { .. } => Reply::Created(View::Call(call())),
        Request::CallGet { .. }
        | Request::CallPatch { .. }
        | Request::CallPause { .. }
        | Request::CallResume { .. } => Reply::Ok(View::Call(call())),
        Request::ParticipantPut { .. } => Reply::Created(View::Participant(participant())),
        Request::ParticipantPatch { .. } => Reply::Ok(View::Participant(participant())),
        Request::SourcePut { .. } | Request::SourceGet { .. } => Reply::Ok(View::Source(source())),
        Request::CallDelete { .. }
        | Request::ParticipantDelete { .. }
        | Request::SourceDelete { .. } => Reply::NoContent,
        Request::RecordingList { .. } => Reply::Ok(View::Recordings(RecordingList {
            recordings: vec![recording()],
            next: None,
        })),
        Request::RecordingGet { .. } => Reply::Ok(View::Recording(recording())),
        Request::RecorderList => Reply::Ok(View::Recorders(RecorderList {
            recorders: vec![recorder()],
        })),
        Request::RecorderGet { .. } => Reply::Ok(View::Recorder(Box::new(recorder()))),
        Request::RecorderTest { .. } => Reply::Ok(View::Trial(trial(StepResult::Ok))),
        Request::Stats => Reply::Ok(View::Stats(stats())),
        Request::Health => Reply::Ok(View::Health(HealthView {
            status: HealthStatus::Ok,
            problems: Vec::new(),
        })),
        Request::Version => Reply::Ok(View::Version(version())),
    }
}

pub(crate) fn summary(id: &str) -> CallSummary {
    CallSummary {
        id: name(id),
        console_id: "console-4".to_owned(),
        user: None,
        calling: party(),
        state: CallState::Active,
        started: time(),
        participants: 2,
        sources: 1,
        recordings: RecordingCounts {
            recording: 2,
            retrying: 1,
            ..RecordingCounts::default()
        },
    }
}

fn call() -> CallView {
    CallView {
        id: name("7"),
        facts: CallFacts {
            console_id: "console-4".to_owned(),
            user: None,
            calling: party(),
            called: vec![party(), Party::default()],
            codec: CodecName::Pcmu,
            security: Security::None,
            priority: Priority::Urgent,
            lease_s: None,
        },
        state: CallState::Active,
        started: time(),
        participants: vec![participant()],
        sources: vec![source()],
        recordings: vec![name("7:r1")],
    }
}

fn party() -> Party {
    Party {
        name: Some("Calling\u{1b}[2J Name".to_owned()),
        number: Some("1000".to_owned()),
    }
}

fn participant() -> ParticipantView {
    ParticipantView {
        id: name("alice"),
        facts: ParticipantFacts {
            name: Some("Alice".to_owned()),
            ..ParticipantFacts::default()
        },
        joined: time(),
    }
}

fn source() -> SourceView {
    let spec = r#"{"participant":"alice","payload_types":{"0":"PCMU"}}"#;
    SourceView {
        id: name("alice-audio"),
        spec: serde_json::from_str(spec).unwrap(),
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
        jitter_ms: Decimal { thousandths: 1_250 },
        delay_ms: Decimal {
            thousandths: 40_000,
        },
        unauthentic: 0,
        replayed: 0,
    }
}

fn recording() -> RecordingView {
    RecordingView {
        id: name("7:r1"),
        call: name("7"),
        recorder: name("r1"),
        state: RecordingState::Retrying,
        since: time(),
        established: None,
        attempts: 2,
        error: Some("no answer within 5 s".to_owned()),
        next_attempt: Some(time()),
        sip_call_id: None,
        transport: Some("tcp"),
        codec: None,
        suite: Some("AEAD_AES_128_GCM"),
        local: None,
        remote: None,
        packets: 0,
        bytes: 0,
        report: None,
        gaps: vec![RecordingGapView {
            from: time(),
            to: None,
            reason: "no answer within 5 s".to_owned(),
        }],
    }
}

pub(crate) fn trial(result: StepResult) -> TrialView {
    TrialView {
        recorder: name("r1"),
        ok: result == StepResult::Ok,
        steps: vec![StepView {
            step: StepName::Tls,
            result,
            detail: "TLS 1.3".to_owned(),
        }],
        tls: Some(TlsView {
            protocol: Some("TLS 1.3"),
            cipher: None,
            verified: true,
            chain: vec![CertificateView {
                subject: "CN=srs\u{1b}[2J".to_owned(),
                issuer: "CN=authority".to_owned(),
                not_before: time(),
                not_after: time(),
                names: vec!["URI:sip:srs.example.com".to_owned()],
            }],
        }),
    }
}

fn recorder() -> RecorderView {
    RecorderView {
        id: name("r1"),
        uri: "sip:recorder@srs.example.com".to_owned(),
        transport: "tls",
        tls: Some(RecorderTlsView {
            verify: true,
            server_name: "srs.example.com".to_owned(),
        }),
        info: "both",
        profile: "controlone-2017",
        settings: vec![
            SettingView {
                name: "id_format",
                value: "base64".to_owned(),
                set_by: "configuration",
            },
            SettingView {
                name: "rtcp_mux",
                value: "false".to_owned(),
                set_by: "controlone-2017",
            },
        ],
        codecs: vec![CodecName::Pcmu, CodecName::Pcma],
        srtp: "required",
        srtp_suites: vec!["AEAD_AES_256_GCM", "AEAD_AES_128_GCM"],
        group: Some(name("main")),
        addresses: vec!["tcp 192.0.2.1:5060".to_owned()],
        state: RecorderState::Down,
        state_since: time(),
        state_reason: Some("192.0.2.1:5060 cannot be reached".to_owned()),
        recordings: RecordingCounts {
            recording: 0,
            retrying: 1,
            ..RecordingCounts::default()
        },
        last_established: None,
        last_failure: Some(time()),
        last_error: Some("no answer within 5 s".to_owned()),
    }
}

fn stats() -> StatsView {
    StatsView {
        uptime_s: 10,
        calls: 1,
        participants: 2,
        sources: 1,
        recordings: RecordingCounts::default(),
        established_total: 0,
        failed_attempts_total: 2,
        ended_total: 0,
        last_event_id: 9,
        workers: vec![WorkerView {
            worker: 0,
            core: None,
            calls: 1,
            sources: 1,
            sinks: 1,
            frames_used: 2,
            packets_in: 50,
            packets_out: 0,
            drops: [("late", 3), ("version", 0)].into_iter().collect(),
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

fn version() -> VersionView {
    VersionView {
        product: "sixreel",
        version: "0.1.0",
        api: 1,
        limits: LimitsView {
            calls: 1000,
            participants_per_call: 64,
            sources_per_call: 64,
            recorders: 6,
            called_parties: 32,
            request_head_bytes: 16_384,
            request_body_bytes: 65_536,
            connections: 256,
            response_backlog_bytes: 1_048_576,
            events_replayed: 4096,
            sip_message_head_bytes: 65_536,
            sip_message_body_bytes: 65_536,
        },
    }
}

fn time() -> String {
    "2017-05-01T10:17:11.042Z".to_owned()
}
