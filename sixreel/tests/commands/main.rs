//! The commands against a real control socket: what they ask, what they print, how they end.
#![cfg(test)]

/// The real control socket, with an engine that a test scripts.
mod server;
/// `sixreel srs` as a process.
mod srs;
/// Things that a server can show.
mod views;

use std::io::{self, Write};
use std::process::Command;

use clap::Parser as _;
use serde_json::{Value, json};
use sixreel::cli::Cli;
use sixreel::client::Client;
use sixreel_controlplane::control::http::{Incoming, Method};
use sixreel_controlplane::control::problem::{Problem, Resource};
use sixreel_controlplane::control::reply::{Reply, View};
use sixreel_controlplane::control::request::{Name, Request};
use sixreel_controlplane::control::route::{Asked, route};
use sixreel_controlplane::control::view::{CallList, HealthStatus, HealthView, StepResult};

use self::server::Server;
use self::views::{answer, summary, trial};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Runs a command line: exit code, output, complaints.
fn run(server: &Server, line: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = parse(server, line).run(&mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (code, text(out), text(err))
}

fn parse(server: &Server, line: &[&str]) -> Cli {
    let socket = server.socket();
    let line = [&["sixreel", "--socket", socket.to_str().unwrap()], line].concat();
    Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"))
}

/// The only request that `line` makes.
fn asked(line: &[&str]) -> Request {
    let server = Server::start(0, answer);
    let (code, _, complaint) = run(&server, line);
    assert_eq!((code, complaint.as_str()), (0, ""), "{line:?}");
    let request = server.asked.try_recv().unwrap();
    assert!(server.asked.try_recv().is_err(), "{line:?} asks once");
    request
}

/// The request that method, path and body make.
fn request(method: Method, target: &str, body: Value) -> Request {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let incoming = Incoming {
        method,
        target: target.to_owned(),
        content_type: None,
        last_event_id: None,
        body: body.into_bytes(),
    };
    match route(&incoming) {
        Ok(Asked::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_are_started_changed_and_stopped() {
    let start = [
        "call",
        "start",
        "a/7",
        "--console",
        "c4",
        "--user",
        "U",
        "--calling",
        "Calling <1000>",
        "--called",
        "2000",
        "--called",
        "Room 4",
        "--codec",
        "PCMA",
        "--security",
        "secure",
        "--priority",
        "non-urgent",
        "--lease",
        "60",
    ];
    let server = Server::start(0, answer);
    let (code, _, complaint) = run(&server, &start);
    assert_eq!(code, 1);
    assert!(complaint.starts_with("error: call is \"a/7\" (field call)\n  call is 1 to 128 "));
    let start = start.map(|word| if word == "a/7" { "7" } else { word });
    let facts = json!({
        "console_id": "c4", "user": "U", "calling": { "name": "Calling", "number": "1000" },
        "called": [{ "number": "2000" }, { "name": "Room 4" }], "codec": "PCMA",
        "security": "secure", "priority": "non-urgent", "lease_s": 60,
    });
    assert_eq!(asked(&start), request(Method::Put, "/v1/calls/7", facts));

    let set = [
        "call",
        "set",
        "7",
        "--console",
        "c5",
        "--clear",
        "user",
        "--clear",
        "lease",
    ];
    let patch = json!({ "console_id": "c5", "user": null, "lease_s": null });
    assert_eq!(asked(&set), request(Method::Patch, "/v1/calls/7", patch));

    for (verb, method, path) in [
        ("stop", Method::Delete, "/v1/calls/7"),
        ("pause", Method::Post, "/v1/calls/7/pause"),
        ("resume", Method::Post, "/v1/calls/7/resume"),
    ] {
        assert_eq!(
            asked(&["call", verb, "7"]),
            request(method, path, Value::Null)
        );
    }
}

#[test]
fn participants_join_hold_and_leave() {
    let path = "/v1/calls/7/participants/alice";
    let join = [
        "call", "join", "7", "alice", "--name", "Alice", "--number", "1000", "--aor", "tel:1000",
        "--held",
    ];
    let facts = json!({ "name": "Alice", "number": "1000", "aor": "tel:1000", "state": "held" });
    assert_eq!(asked(&join), request(Method::Put, path, facts));
    assert_eq!(asked(&join[..4]), request(Method::Put, path, json!({})));
    for (verb, state) in [("hold", "held"), ("unhold", "active")] {
        let patch = request(Method::Patch, path, json!({ "state": state }));
        assert_eq!(asked(&["call", verb, "7", "alice"]), patch);
    }
    let leave = request(Method::Delete, path, Value::Null);
    assert_eq!(asked(&["call", "leave", "7", "alice"]), leave);
}

#[test]
fn sources_are_opened_and_closed() {
    let path = "/v1/calls/7/sources/s";
    let open = [
        "call",
        "source",
        "7",
        "s",
        "--participant",
        "alice",
        "--payload",
        "0=PCMU",
        "--payload",
        "101=telephone-event",
        "--remote",
        "192.0.2.1",
        "--jitter-max-ms",
        "120",
    ];
    let spec = json!({
        "participant": "alice", "payload_types": { "0": "PCMU", "101": "telephone-event" },
        "remote": "192.0.2.1", "jitter_max_ms": 120,
    });
    assert_eq!(asked(&open), request(Method::Put, path, spec));
    let close = request(Method::Delete, path, Value::Null);
    assert_eq!(asked(&["call", "unsource", "7", "s"]), close);
    let server = Server::start(0, answer);
    assert_eq!(run(&server, &open).1, "send RTP to 192.0.2.7 port 20000\n");
}

#[test]
fn a_call_is_shown_with_everything_that_belongs_to_it() {
    let server = Server::start(0, answer);
    let (code, text, _) = run(&server, &["call", "show", "7"]);
    let expected = "\
call      7
state     active
started   2017-05-01T10:17:11.042Z
console   console-4
calling   Calling\u{fffd}[2J Name <1000>
called    Calling\u{fffd}[2J Name <1000>,
codec     PCMU
security  none
priority  urgent

PARTICIPANT  NAME   AOR  STATE   JOINED
alice        Alice       active  2017-05-01T10:17:11.042Z

SOURCE       PARTICIPANT  SEND TO    PORT   STATE   FROM            PACKETS  \
LOST  JITTER MS  DELAY MS
alice-audio  alice        192.0.2.7  20000  active  192.0.2.1:4000  50       \
1     1.25       40.0

RECORDING  CALL  RECORDER  STATE     SINCE                     CODEC  SUITE             \
PACKETS  LOST  ATTEMPTS  GAPS            ERROR
7:r1       7     r1        retrying  2017-05-01T10:17:11.042Z         AEAD_AES_128_GCM  \
0              2         since 10:17:11  no answer within 5 s
";
    assert_eq!((code, text.as_str()), (0, expected));
}

#[test]
fn a_list_is_all_its_pages() {
    let server = Server::start(0, |request| {
        let Request::CallList { page } = request else {
            panic!("{request:?}");
        };
        let (id, next) = match page.after.as_ref().map(Name::as_str) {
            None => ("1", Some(name("1"))),
            Some("1") => ("2@b", Some(name("2@b"))),
            Some(_) => ("3", None),
        };
        Reply::Ok(View::Calls(CallList {
            calls: vec![summary(id)],
            next,
        }))
    });
    let (_, text, _) = run(&server, &["call", "list"]);
    let ids: Vec<_> = text
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(ids, ["CALL", "1", "2@b", "3"]);
    assert!(text.contains("2 recording, 1 retrying"), "{text}");
    let (_, text, _) = run(&server, &["--json", "call", "list"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["calls"].as_array().unwrap().len(), 3);
    assert_eq!(
        list.as_object().unwrap().len(),
        1,
        "the pages are nobody's business"
    );
}

#[test]
fn everything_else_can_be_looked_at() {
    let server = Server::start(0, answer);
    for (line, expected) in [
        (["recording", "list"].as_slice(), "no answer within 5 s"),
        (&["recording", "show", "7:r1"], "next attempt  2017-05-01"),
        (&["recorder", "list"], "sip:recorder@srs.example.com"),
        (&["recorder", "list"], "as srs.example.com"),
        (&["recorder", "show", "r1"], "PCMU, PCMA"),
        (
            &["recorder", "show", "r1"],
            "AEAD_AES_256_GCM, AEAD_AES_128_GCM",
        ),
        (
            &["recorder", "test", "r1"],
            "certificate  CN=srs\u{fffd}[2J",
        ),
        (&["recorder", "show", "r1"], "profile      controlone-2017"),
        (
            &["recorder", "show", "r1"],
            "id_format  base64  configuration",
        ),
        (
            &["recorder", "show", "r1"],
            "rtcp_mux   false   controlone-2017",
        ),
        (&["stats"], "3 late"),
        (&["health"], "ok\n"),
        (&["version"], "65536 request body bytes"),
    ] {
        let (code, text, complaint) = run(&server, line);
        assert_eq!((code, complaint.as_str()), (0, ""), "{line:?}");
        assert!(text.contains(expected), "{line:?}: {text}");
        let (_, text, _) = run(&server, &[line, &["--json"]].concat());
        let object: Value = serde_json::from_str(&text).unwrap();
        assert!(object.is_object() && text.lines().count() == 1, "{line:?}");
    }
}

#[test]
fn a_refusal_says_what_where_and_what_to_do() {
    let server = Server::start(0, |_| {
        Reply::Problem(Problem::not_found(Resource::Call, &name("7")))
    });
    let expected = "error: there is no call 7\n  GET /v1/calls shows those that exist\n";
    let refused = run(&server, &["call", "stop", "7"]);
    assert_eq!(refused, (1, String::new(), expected.to_owned()));
    let (code, text, complaint) = run(&server, &["call", "stop", "7", "--json"]);
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["type"], "urn:sixreel:problem:not-found");
    assert_eq!((code, complaint.as_str()), (1, expected));
    // A call that vanishes between two requests is refused as well.
    assert_eq!(run(&server, &["call", "show", "7"]).0, 1);
}

#[test]
fn a_server_that_is_not_well_has_an_exit_code() {
    let server = Server::start(0, |_| {
        Reply::Ok(View::Health(HealthView {
            status: HealthStatus::Degraded,
            problems: vec!["recorder r1 fails: check its address".to_owned()],
        }))
    });
    let expected = "degraded\n  recorder r1 fails: check its address\n";
    let told = run(&server, &["health"]);
    assert_eq!(told, (1, expected.to_owned(), String::new()));
}

#[test]
fn a_test_that_fails_has_an_exit_code() {
    let server = Server::start(0, |_| Reply::Ok(View::Trial(trial(StepResult::Failed))));
    let (code, text, complaint) = run(&server, &["recorder", "test", "r1"]);
    assert_eq!((code, complaint.as_str()), (1, ""));
    assert!(text.contains("tls   failed  TLS 1.3"), "{text}");
}

#[test]
fn no_server_has_an_exit_code() {
    let mut server = Server::start(0, answer);
    server.stop();
    let (code, text, complaint) = run(&server, &["health"]);
    assert_eq!((code, text.as_str()), (3, ""));
    assert!(
        complaint.starts_with("error: no server answers at "),
        "{complaint}"
    );
    assert!(complaint.contains("--socket PATH"), "{complaint}");
}

/// Output that cannot be written.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error_and_a_full_disk_is() {
    let server = Server::start(0, answer);
    for (kind, code) in [
        (io::ErrorKind::BrokenPipe, 0),
        (io::ErrorKind::StorageFull, 1),
    ] {
        let mut complaint = Vec::new();
        let ended = parse(&server, &["health"]).run(&mut Broken(kind), &mut complaint);
        assert_eq!((ended, complaint.is_empty()), (code, code == 0));
    }
}

/// Takes what is printed, and ends the server after so many lines.
struct Reader {
    text: String,
    lines: usize,
    server: Server,
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.push_str(str::from_utf8(bytes).unwrap());
        if self.text.lines().count() >= self.lines && self.text.ends_with('\n') {
            self.server.stop();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn events_are_printed_until_the_server_ends() {
    let watch = |line: &[&str], lines| {
        let server = Server::start(3, answer);
        let cli = parse(&server, line);
        let mut reader = Reader {
            text: String::new(),
            lines,
            server,
        };
        let mut err = Vec::new();
        assert_eq!(cli.run(&mut reader, &mut err), 3);
        assert!(String::from_utf8(err).unwrap().contains("it has hung up"));
        reader.text
    };
    let text = watch(&["events", "--after", "1"], 2);
    let line = "2017-05-01T10:17:11.042Z  recording.failed  call=7  recorder=r1  486 Busy Here\n";
    assert_eq!(text, line.repeat(2));
    let text = watch(&["events", "--after", "99"], 4);
    assert!(text.starts_with("the server has restarted"), "{text}");
    let text = watch(&["events", "--after", "0", "--json"], 3);
    let ids = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone());
    assert_eq!(ids.collect::<Vec<_>>(), [json!(1), json!(2), json!(3)]);
}

#[test]
fn one_connection_carries_many_requests() {
    let server = Server::start(0, answer);
    let mut client = Client::connect(&server.socket()).unwrap();
    for _ in 0..100 {
        assert_eq!(client.get("/v1/health").unwrap().status, 200);
        assert_eq!(client.delete("/v1/calls/7").unwrap().body, Value::Null);
    }
    assert_eq!(server.asked.try_iter().count(), 200);
}

#[test]
fn the_program_takes_the_socket_from_its_environment_and_says_how_it_ended() {
    let server = Server::start(0, answer);
    let run = |line: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sixreel"));
        command.args(line).env("SIXREEL_SOCKET", server.socket());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(run(&["health"]), (0, "ok\n".to_owned()));
    assert_eq!(run(&["health", "--socket", "/nowhere/s"]).0, 3);
    assert_eq!(run(&["call", "start", "7"]).0, 2);
    assert_eq!(
        run(&[
            "call",
            "source",
            "7",
            "s",
            "--participant",
            "p",
            "--payload",
            "0"
        ])
        .0,
        2
    );
    let (code, text) = run(&["--help"]);
    assert!(
        code == 0 && text.contains("sixreel call start 7 --console"),
        "{text}"
    );
}

#[test]
fn the_examples_of_the_protocols_page_are_understood() {
    let server = Server::start(3, answer);
    let page = include_str!("../../../docs/control-protocol.md");
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let script = format!("set -eu\n{}", blocks.collect::<String>());
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &script])
        .env("SIXREEL_SOCKET", server.socket());
    let output = shell
        .output()
        .expect("bash is there; the examples need curl, too");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("\nid: 3\nevent: recording.failed\n"),
        "{text}"
    );
    assert!(text.contains("HTTP/1.1 200 OK\r\n"), "{text}");
    assert_eq!(server.asked.try_iter().count(), 23);
}
