//! The server over loopback, against a client with a transport of its own: what is sent, and what
//! then lies on the disk.
#![cfg(test)]

/// A recording client.
mod client;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::Value;
use sixreel_controlplane::sip::flow::TransportPolicy;
use sixreel_srs::behaviour::{Behaviour, Manner, Step};
use sixreel_srs::event::Event;
use sixreel_srs::server::told::{Notice, Told, What};
use sixreel_srs::server::{self, Keep, MediaPorts, Server, Setup, StartError};

use self::client::{Client, LOUD, SOFT};

fn setup(folder: &Path) -> Setup {
    let local = "127.0.0.1:0".parse().unwrap();
    Setup {
        listen: local,
        media: local.ip(),
        ports: MediaPorts::Any(4),
        folder: folder.to_owned(),
        keep: Keep::All,
        behaviour: Behaviour::default(),
    }
}

fn start(setup: Setup) -> (Server, Receiver<Told>) {
    server::start(setup).unwrap_or_else(|error| panic!("{error}"))
}

/// Waits for an event.
fn wait<T>(events: &Receiver<Told>, mut wanted: impl FnMut(&Told) -> Option<T>) -> T {
    loop {
        let told = events.recv_timeout(Duration::from_secs(20)).unwrap();
        if let Some(found) = wanted(&told) {
            return found;
        }
    }
}

/// Waits until a recording is on the disk: its files' names.
fn kept(events: &Receiver<Told>) -> Vec<String> {
    let mut names = wait(events, |told| match &told.what {
        What::Server(Notice::Kept { files }) => Some(files.clone()),
        What::Server(_) | What::Call(_) => None,
    })
    .iter()
    .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
    .collect::<Vec<_>>();
    names.sort();
    names
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn facts(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn samples(file: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(file).unwrap();
    reader.samples().map(Result::unwrap).collect()
}

fn is_recorded(policy: TransportPolicy, transport: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (server, events) = start(setup(folder.path()));
    let mut client = Client::call(&server, policy, "7");
    client.speak(25, LOUD);
    client.update();
    client.end();
    let names_kept = kept(&events);
    let expected = [
        "7.json",
        "7.metadata-1.xml",
        "7.metadata-2.xml",
        "7.metadata.xml",
        "7.wav",
    ];
    assert_eq!(names_kept, expected);
    assert_eq!(names(folder.path()), expected, "and nothing else");
    let path = |name| folder.path().join(name);
    assert_eq!(samples(&path("7.wav")), [LOUD.1; 25 * 160]);
    assert_eq!(fs::read(path("7.metadata.xml")).unwrap(), client.complete);
    assert_eq!(fs::read(path("7.metadata-1.xml")).unwrap(), client.complete);
    assert_eq!(fs::read(path("7.metadata-2.xml")).unwrap(), client.partial);
    let facts = facts(&path("7.json"));
    assert_eq!((&facts["packets"], &facts["lost"]), (&25.into(), &0.into()));
    assert_eq!(facts["transport"], transport);
    assert_eq!(facts["metadata"]["valid"], true);
    assert_eq!(facts["metadata"]["documents"], 2);
    assert_eq!(facts["call"]["call_id"], "7");
    assert_eq!(facts["duration_ms"], 500);
    assert_eq!(facts["end"]["by"], "client");
}

#[test]
fn a_call_by_udp_lies_on_the_disk() {
    is_recorded(TransportPolicy::Udp, "udp");
}

#[test]
fn a_call_by_tcp_lies_on_the_disk() {
    is_recorded(TransportPolicy::Tcp, "tcp");
}

#[test]
fn two_recordings_of_one_name_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (server, events) = start(setup(folder.path()));
    let mut one = Client::call(&server, TransportPolicy::Udp, "7");
    let mut two = Client::call(&server, TransportPolicy::Tcp, "7");
    for _ in 0..5 {
        one.speak(2, LOUD);
        two.speak(3, SOFT);
    }
    two.end();
    one.end();
    assert!(kept(&events).contains(&"7-2.wav".to_owned()));
    assert!(kept(&events).contains(&"7.wav".to_owned()));
    let path = |name| folder.path().join(name);
    assert_eq!(samples(&path("7.wav")), [LOUD.1; 10 * 160]);
    assert_eq!(samples(&path("7-2.wav")), [SOFT.1; 15 * 160]);
}

#[test]
fn stopping_says_bye_and_completes_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let (server, events) = start(setup(folder.path()));
    let mut client = Client::call(&server, TransportPolicy::Udp, "7");
    client.speak(10, LOUD);
    wait(&events, |told| {
        matches!(told.what, What::Call(Event::Heard { .. })).then_some(())
    });
    let stopped = std::thread::spawn(move || server.stop());
    client.wait_for_end();
    stopped.join().unwrap().unwrap();
    assert_eq!(kept(&events).len(), 3);
    let last = events.iter().last().unwrap().what;
    let expected = Notice::Stopped {
        confirmed: true,
        complete: true,
    };
    assert_eq!(last, What::Server(expected));
    assert_eq!(samples(&folder.path().join("7.wav")), [LOUD.1; 10 * 160]);
    assert_eq!(
        facts(&folder.path().join("7.json"))["end"]["by"],
        "recorder"
    );
}

#[test]
fn a_client_that_is_gone_does_not_keep_it_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let (server, events) = start(setup(folder.path()));
    let mut client = Client::call(&server, TransportPolicy::Udp, "7");
    client.speak(1, LOUD);
    server.stop().unwrap();
    let last = events.iter().last().unwrap().what;
    let expected = Notice::Stopped {
        confirmed: false,
        complete: true,
    };
    assert_eq!(last, What::Server(expected));
    assert_eq!(facts(&folder.path().join("7.json"))["packets"], 1);
}

#[test]
fn a_folder_that_is_gone_is_told_and_the_next_recording_is_kept() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recordings");
    let (server, events) = start(setup(&folder));
    fs::remove_dir(&folder).unwrap();
    fs::write(&folder, "a file where a folder was").unwrap();
    let mut lost = Client::call(&server, TransportPolicy::Udp, "7");
    let (call, file, why) = wait(&events, |told| match &told.what {
        What::Server(Notice::NotKept { file, why }) => {
            Some((told.call.clone(), file.clone(), why.clone()))
        }
        What::Server(_) | What::Call(_) => None,
    });
    assert_eq!(
        (call.as_deref(), file.parent()),
        (Some("7"), Some(&*folder))
    );
    assert!(why.contains("Not a directory"), "{why}");
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    let mut next = Client::call(&server, TransportPolicy::Udp, "8");
    lost.speak(3, LOUD);
    next.speak(2, SOFT);
    lost.end();
    next.end();
    assert_eq!(kept(&events), ["8.json", "8.metadata.xml", "8.wav"]);
    assert_eq!(samples(&folder.join("8.wav")), [SOFT.1; 320]);
    assert_eq!(names(&folder).len(), 3);
}

#[test]
fn no_call_chooses_where_its_files_go() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recordings");
    let (server, events) = start(setup(&folder));
    for (name, stem) in [
        ("../7", "_._7"),
        ("/etc/passwd", "_etc_passwd"),
        (".hidden", "_hidden"),
        ("a\tb\u{1b}[2J", "a_b__2J"),
    ] {
        Client::call(&server, TransportPolicy::Udp, name).end();
        assert_eq!(kept(&events)[0], format!("{stem}.json"));
    }
    assert_eq!(names(parent.path()), ["recordings"]);
    assert_eq!(names(&folder).len(), 12);
}

#[test]
fn what_is_not_wanted_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (keep, files) in [(Keep::Nothing, 0), (Keep::Facts, 2)] {
        let (server, events) = start(Setup {
            keep,
            ..setup(folder.path())
        });
        let mut client = Client::call(&server, TransportPolicy::Udp, "7");
        client.speak(5, LOUD);
        client.end();
        let packets = wait(&events, |told| match told.what {
            What::Call(Event::Ended { packets, .. }) => Some(packets),
            What::Server(_) | What::Call(_) => None,
        });
        assert_eq!(packets, 5);
        server.stop().unwrap();
        assert_eq!(names(folder.path()).len(), files, "{keep:?}");
    }
}

#[test]
fn what_it_does_by_itself_it_does_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let steps = vec![(Duration::from_millis(50), Step::Bye)];
    let manner = Manner {
        steps,
        ..Manner::default()
    };
    let (server, events) = start(Setup {
        behaviour: Behaviour::Record(manner),
        ..setup(folder.path())
    });
    let mut client = Client::call(&server, TransportPolicy::Tcp, "7");
    client.wait_for_end();
    assert_eq!(kept(&events).len(), 3);
}

#[test]
fn reports_leave_from_its_media_ports() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _events) = start(setup(folder.path()));
    let mut client = Client::call(&server, TransportPolicy::Udp, "7");
    client.speak(5, LOUD);
    let from = client.report();
    assert!(server.pairs().contains(&(from.port() & !1)), "{from}");
}

#[test]
fn what_cannot_be_had_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |setup: Setup| server::start(setup).unwrap_err();
    let wildcard = Setup {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..setup(folder.path())
    };
    let error = refused(wildcard);
    assert!(matches!(error, StartError::Wildcard(_)));
    assert!(error.to_string().contains("one address of this machine"));
    let (server, _events) = start(setup(folder.path()));
    let taken = Setup {
        listen: server.address(),
        ..setup(folder.path())
    };
    assert!(refused(taken).to_string().contains("choose another port"));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = refused(setup(&file)).to_string();
    assert!(error.contains("choose another one"), "{error}");
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let no_pair = Setup {
        ports: MediaPorts::Range(port..=port),
        ..setup(folder.path())
    };
    assert!(
        refused(no_pair)
            .to_string()
            .contains("choose another range")
    );
}
