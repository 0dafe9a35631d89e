//! `sixreel srs` as a process: its lines, its signals, its exit codes.

use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn sixreel(line: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sixreel"));
    command.args(line).arg("--folder").arg(folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A recorder that is ready, and the lines that it prints.
struct Recorder {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Recorder {
    fn start(line: &[&str], folder: &Path) -> Self {
        let mut child = sixreel(line, folder).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn object(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Sends a signal, and waits for what it then says: lines, complaints, exit code.
    fn signal(mut self, signal: Signal) -> (Vec<String>, String, Option<i32>) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
        let lines = self.lines.by_ref().map(Result::unwrap).collect();
        let mut complaints = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut complaints).unwrap();
        (lines, complaints, self.child.wait().unwrap().code())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Where a test has failed, it still runs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An INVITE whose metadata calls the call so that a terminal would obey, from a client at that
/// port.
fn invite(port: u16) -> String {
    let metadata = "<recording xmlns='urn:ietf:params:xml:ns:recording:1'>\
                    <session session_id='a&#x9b;b'/></recording>";
    let line = [
        "INVITE sip:recorder@127.0.0.1 SIP/2.0".to_owned(),
        format!("Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK1"),
        "From: <sip:c@127.0.0.1>;tag=1".to_owned(),
        "To: <sip:recorder@127.0.0.1>".to_owned(),
        "Call-ID: 1@client".to_owned(),
        "CSeq: 1 INVITE".to_owned(),
        "Max-Forwards: 70".to_owned(),
        format!("Contact: <sip:c@127.0.0.1:{port}>;+sip.src"),
        "Content-Type: application/rs-metadata+xml".to_owned(),
        "Content-Disposition: recording-session".to_owned(),
        format!("Content-Length: {}\r\n\r\n{metadata}", metadata.len()),
    ];
    line.join("\r\n")
}

#[test]
fn a_recorder_prints_a_line_for_each_event_and_ends_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let line = [
        "--json",
        "srs",
        "--listen",
        "127.0.0.1:0",
        "--ports",
        "2",
        "--reject",
        "486",
    ];
    let mut recorder = Recorder::start(&line, folder.path());
    let ready = recorder.object();
    assert_eq!(
        (&ready["event"], &ready["calls"]),
        (&"ready".into(), &2.into())
    );
    assert_eq!(ready["folder"], folder.path().to_str().unwrap());
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let invite = invite(client.local_addr().unwrap().port());
    let sip = ready["sip"].as_str().unwrap();
    client.send_to(invite.as_bytes(), sip).unwrap();
    assert_eq!(recorder.object()["event"], "invited");
    let rejected = recorder.object();
    assert_eq!(
        (&rejected["event"], &rejected["status"]),
        (&"rejected".into(), &486.into())
    );
    let mut answer = [0; 2000];
    let len = client.recv(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..len]);
    assert!(answer.starts_with("SIP/2.0 486 "), "{answer}");
    let (lines, complaints, code) = recorder.signal(Signal::SIGTERM);
    assert_eq!((code, complaints.as_str()), (Some(0), ""));
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(last["event"], "stopped");
}

#[test]
fn a_person_reads_lines_that_cannot_command_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let line = ["srs", "--listen", "127.0.0.1:0", "--ignore"];
    let mut recorder = Recorder::start(&line, folder.path());
    let ready = recorder.line();
    let (_, rest) = ready.split_once("ready: SIP at ").unwrap();
    let (sip, rest) = rest.split_once(' ').unwrap();
    assert!(
        rest.starts_with("(UDP and TCP), media at 127.0.0.1 for 100 calls"),
        "{rest}"
    );
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = client.local_addr().unwrap().port();
    client.send_to(invite(port).as_bytes(), sip).unwrap();
    let invited = recorder.line();
    let expected = format!(" a\u{fffd}b: invited by 127.0.0.1:{port} (udp)");
    assert!(invited.ends_with(&expected), "{invited}");
    assert!(recorder.line().ends_with(": ignored"));
    let (lines, _, code) = recorder.signal(Signal::SIGINT);
    assert!(lines.last().unwrap().ends_with(" stopped"), "{lines:?}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_recorder_that_cannot_start_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let _listener = std::net::TcpListener::bind(&taken).unwrap();
    for (listen, why) in [
        (taken.as_str(), "choose another port"),
        ("0.0.0.0:0", "listen at one address of this machine"),
    ] {
        let end = sixreel(&["srs", "--listen", listen], folder.path()).output();
        let end = end.unwrap();
        let complaint = String::from_utf8(end.stderr).unwrap();
        assert_eq!((end.status.code(), end.stdout.len()), (Some(1), 0));
        assert!(
            complaint.starts_with("error: ") && complaint.contains(why),
            "{complaint}"
        );
    }
}
