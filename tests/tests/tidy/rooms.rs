//! Which room may import which: the table of docs/ARCHITECTURE.md, as code.
//!
//! A room is a module right below a crate's root. Cargo keeps the crates apart, and this the rooms.

use super::tree::{File, Tree, after, has_word};

/// A room, and the rooms that it may import: of its own crate, or `dataplane::…`.
type Room = (&'static str, &'static [&'static str]);

const DATAPLANE: &[Room] = &[
    // What stands on nothing but the standard library, and the words of the door.
    ("api", &["counters", "srtp"]),
    ("counters", &[]),
    ("time", &[]),
    ("period", &["time"]),
    ("wire", &[]),
    ("pool", &["api"]),
    // The stages: none knows another.
    ("codec", &["api", "period", "pool"]),
    ("jitter", &["api", "counters", "period", "pool", "time"]),
    ("mix", &["period"]),
    ("rtcp", &["api", "period", "time", "wire"]),
    ("srtp", &["counters"]),
    // What a call is made of.
    (
        "source",
        &[
            "api", "codec", "counters", "jitter", "period", "pool", "rtcp", "time", "wire",
        ],
    ),
    ("encoding", &["api", "codec", "period"]),
    (
        "sink",
        &["api", "counters", "period", "rtcp", "srtp", "time", "wire"],
    ),
    // The order of it all: no port, no ring, no thread, no clock.
    (
        "pipeline",
        &[
            "api", "counters", "encoding", "mix", "period", "pool", "sink", "source", "srtp",
            "time", "wire",
        ],
    ),
    // The edges.
    ("port", &["wire"]),
    ("worker", &["api", "pipeline", "port", "time", "wire"]),
];

const CONTROLPLANE: &[Room] = &[
    ("random", &[]),
    ("time", &[]),
    ("deadlines", &[]),
    // The grammars: none knows another.
    ("sip", &["random"]),
    ("sdp", &["random"]),
    ("metadata", &["random", "time"]),
    // A source of the control interface may have an SDES line.
    ("control", &["sdp", "time"]),
    // Words that the rooms above share.
    ("config", &["control", "group", "sdp", "sip"]),
    ("tls", &["config", "sip", "time"]),
    ("group", &["config", "control"]),
    ("locate", &["random", "sip"]),
    ("recorder", &["config", "control", "metadata", "sdp", "sip"]),
    ("media", &["dataplane::api", "dataplane::srtp", "sdp"]),
    (
        "turn",
        &[
            "control",
            "dataplane::api",
            "group",
            "locate",
            "media",
            "random",
            "reach",
            "sip",
            "time",
        ],
    ),
    (
        "reach",
        &[
            "config", "control", "locate", "random", "recorder", "sip", "time", "turn",
        ],
    ),
    // A call.
    (
        "recording",
        &[
            "control",
            "dataplane::api",
            "locate",
            "media",
            "metadata",
            "random",
            "reach",
            "recorder",
            "sdp",
            "sip",
            "time",
            "turn",
        ],
    ),
    (
        "call",
        &[
            "control",
            "dataplane::api",
            "group",
            "media",
            "metadata",
            "random",
            "recording",
            "time",
            "turn",
        ],
    ),
    (
        "trial",
        &[
            "control",
            "locate",
            "random",
            "recorder",
            "recording",
            "sdp",
            "sip",
            "time",
            "tls",
        ],
    ),
    (
        "engine",
        &[
            "call",
            "config",
            "control",
            "dataplane::api",
            "dataplane::counters",
            "deadlines",
            "group",
            "locate",
            "media",
            "random",
            "reach",
            "recorder",
            "recording",
            "sip",
            "time",
            "tls",
            "trial",
            "turn",
        ],
    ),
    // The edges.
    ("credentials", &["config", "control", "sip"]),
    ("resolver", &["locate"]),
    ("listener", &["control", "time"]),
    ("transport", &["random", "sip", "tls"]),
    (
        "event_loop",
        &[
            "config",
            "control",
            "credentials",
            "dataplane::api",
            "dataplane::port",
            "dataplane::time",
            "dataplane::worker",
            "engine",
            "listener",
            "random",
            "resolver",
            "sip",
            "time",
            "tls",
            "transport",
            "turn",
        ],
    ),
];

/// What stands for the world outside, and the only places that may name it.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("mio", &["event_loop", "listener", "resolver", "transport"]),
    ("hickory_resolver", &["resolver"]),
    ("tokio", &["resolver"]),
    ("signal_hook", &["event_loop"]),
    ("getrandom", &["random"]),
    ("tracing", &["event_loop", "listener", "transport"]),
    ("UdpSocket", &["transport", "port"]),
    ("TcpStream", &["transport"]),
    ("TcpListener", &["transport"]),
    ("UnixListener", &["listener"]),
    ("std::thread", &["resolver", "worker"]),
    ("std::fs", &["credentials", "listener", "tls"]),
    ("std::env", &[]),
    ("std::process", &[]),
    ("rsip", &["sip", "recording"]),
    ("sdp_types", &["sdp"]),
    ("quick_xml", &["metadata"]),
    ("httparse", &["control"]),
    ("toml", &["config", "credentials"]),
    ("rustls", &["config", "tls", "transport"]),
    ("webpki", &["tls"]),
    ("x509_parser", &["tls"]),
    ("serde_json", &["call", "control"]),
];

/// Where the client commands are.
const CLIENTS: &[&str] = &[
    "sixreel/src/client.rs",
    "sixreel/src/commands/call/",
    "sixreel/src/commands/recorder.rs",
    "sixreel/src/commands/recording.rs",
    "sixreel/src/commands/server.rs",
    "sixreel/src/failure.rs",
    "sixreel/src/output.rs",
    "sixreel/src/party.rs",
];

/// Imports that the table does not list, and rooms that it does not know or knows in vain.
pub(crate) fn imports(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, rooms) in [("dataplane", DATAPLANE), ("controlplane", CONTROLPLANE)] {
        for (room, may) in rooms {
            let files: Vec<_> = files_of(tree, name, room).collect();
            if files.is_empty() {
                faults.push(format!(
                    "{name}::{room}: there is no such room: take it off the table"
                ));
                continue;
            }
            let used: Vec<_> = files
                .iter()
                .filter(|file| !is_test_file(&file.path))
                .flat_map(|file| used_in(file, name, room))
                .collect();
            for (place, import) in &used {
                if import != room && !may.contains(&import.as_str()) {
                    faults.push(format!(
                        "{place}: {name}::{room} may not import {import}: move what it needs, or \
                         change docs/ARCHITECTURE.md and the table in tests/tests/tidy/rooms.rs"
                    ));
                }
            }
            for import in *may {
                if !used.iter().any(|(_, used)| used == import) {
                    faults.push(format!(
                        "{name}::{room} does not import {import}: take it off the table"
                    ));
                }
            }
        }
        faults.extend(unknown_rooms(tree, name, rooms));
    }
    faults
}

/// Names of the world outside where they do not belong.
pub(crate) fn outside(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, rooms) in [("dataplane", DATAPLANE), ("controlplane", CONTROLPLANE)] {
        for (room, _) in rooms {
            for file in files_of(tree, name, room) {
                for (number, line) in file.code_before_tests() {
                    let wrong = OUTSIDE.iter().filter(|(word, may)| {
                        !may.contains(room) && is_named(line, word) && !is_test_file(&file.path)
                    });
                    faults.extend(wrong.map(|(word, may)| {
                        format!(
                            "{}:{number}: {name}::{room} may not know {word}: it is for {may:?}",
                            file.path
                        )
                    }));
                }
            }
        }
    }
    faults
}

/// Client commands that know more than the control protocol.
pub(crate) fn clients(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for place in CLIENTS {
        let mut files = tree
            .files
            .iter()
            .filter(|file| file.path.starts_with(place))
            .peekable();
        if files.peek().is_none() {
            faults.push(format!("{place}: it is gone: take it off the list"));
        }
        for file in files {
            let knows = |line: &str| {
                ["sixreel_controlplane", "sixreel_dataplane", "sixreel_srs"]
                    .iter()
                    .any(|name| has_word(line, name))
            };
            let lines = file.code().filter(|(_, line)| knows(line));
            faults.extend(lines.map(|(number, _)| {
                format!(
                    "{}:{number}: a client command asks the server by the control protocol, as \
                     anybody's client would",
                    file.path
                )
            }));
        }
    }
    faults
}

fn files_of<'a>(tree: &'a Tree, name: &str, room: &str) -> impl Iterator<Item = &'a File> {
    let file = format!("{name}/src/{room}.rs");
    let folder = format!("{name}/src/{room}/");
    let files = tree.ending(".rs");
    files.filter(move |of| of.path == file || of.path.starts_with(&folder))
}

/// The rooms that a file imports, each with the place.
fn used_in(file: &File, name: &str, room: &str) -> Vec<(String, String)> {
    let is_door = file.path.ends_with(&format!("/{room}.rs"))
        || file.path == format!("{name}/src/{room}/mod.rs");
    let mut used = Vec::new();
    for (number, line) in file.code_before_tests() {
        let place = format!("{}:{number}", file.path);
        let mut found: Vec<_> = after(line, "crate")
            .into_iter()
            .map(str::to_owned)
            .collect();
        if is_door {
            found.extend(after(line, "super").into_iter().map(str::to_owned));
        }
        let below = after(line, "sixreel_dataplane").into_iter();
        found.extend(below.map(|import| format!("dataplane::{import}")));
        used.extend(found.into_iter().map(|import| (place.clone(), import)));
    }
    used
}

fn unknown_rooms(tree: &Tree, name: &str, rooms: &[Room]) -> Vec<String> {
    let Some(door) = tree.file(&format!("{name}/src/lib.rs")) else {
        return vec![format!("{name}/src/lib.rs: there is no such file")];
    };
    let modules = door.code().filter_map(|(number, line)| {
        let room = line.split("mod ").nth(1)?.strip_suffix(';')?;
        Some((number, room))
    });
    modules
        .filter(|(_, module)| !rooms.iter().any(|(room, _)| room == module))
        .map(|(number, module)| {
            format!(
                "{}:{number}: {module} is not on the table in tests/tests/tidy/rooms.rs: say what \
                 it may import",
                door.path
            )
        })
        .collect()
}

/// A path's first part, or a type's name.
fn is_named(line: &str, word: &str) -> bool {
    if word.contains("::") || word.starts_with(|c: char| c.is_ascii_uppercase()) {
        has_word(line, word)
    } else {
        !after(line, word).is_empty()
    }
}

/// Whole files of tests, which read their samples and look at what comes of it all.
fn is_test_file(path: &str) -> bool {
    path.contains("/scenarios/")
        || ["testing.rs", "torture.rs", "tests.rs"]
            .iter()
            .any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every room, each of which imports what it may; and one more file.
    fn tree_with(path: &str, text: &str) -> Tree {
        let mut files = Vec::new();
        for (name, rooms) in [("dataplane", DATAPLANE), ("controlplane", CONTROLPLANE)] {
            let mut door = String::new();
            for (room, may) in rooms {
                door.push_str(&format!("pub mod {room};\n"));
                let uses = may
                    .iter()
                    .map(|import| match import.strip_prefix("dataplane::") {
                        Some(room) => format!("use sixreel_dataplane::{room}::X;\n"),
                        None => format!("use crate::{import}::X;\n"),
                    });
                files.push((format!("{name}/src/{room}/mod.rs"), uses.collect()));
            }
            files.push((format!("{name}/src/lib.rs"), door));
        }
        files.push((path.to_owned(), text.to_owned()));
        let files = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        Tree::of(&files.collect::<Vec<_>>())
    }

    #[test]
    fn a_tree_that_obeys_has_no_faults() {
        let text = "use super::b;\nuse crate::sip::via;\n// use crate::engine;\n";
        let tree = tree_with("controlplane/src/sip/a.rs", text);
        assert_eq!(imports(&tree), [""; 0]);
        assert_eq!(outside(&tree), [""; 0]);
    }

    #[test]
    fn an_import_that_is_not_on_the_table_is_a_fault() {
        for (path, text) in [
            (
                "controlplane/src/sip/a.rs",
                "\nuse crate::engine::Engine;\n",
            ),
            ("controlplane/src/sip/a.rs", "\n    crate::sdp::parse();\n"),
            ("controlplane/src/sip/a.rs", "\nuse crate::{sip, sdp};\n"),
            ("controlplane/src/sdp.rs", "\nuse super::sip::uri;\n"),
            (
                "controlplane/src/call/a.rs",
                "\nuse sixreel_dataplane::worker::Worker;\n",
            ),
            ("dataplane/src/jitter/a.rs", "\nuse crate::mix::mix;\n"),
        ] {
            let faults = imports(&tree_with(path, text));
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with(&format!("{path}:2: ")), "{faults:?}");
        }
    }

    #[test]
    fn the_table_lists_no_room_and_no_import_in_vain() {
        let mut tree = tree_with("controlplane/src/lib.rs", "");
        tree.files
            .retain(|file| file.path != "controlplane/src/sdp/mod.rs");
        let faults = imports(&tree);
        assert_eq!(
            faults,
            ["controlplane::sdp: there is no such room: take it off the table"]
        );
        let mut tree = tree_with("a", "");
        for file in &mut tree.files {
            if file.path == "dataplane/src/mix/mod.rs" {
                file.text.clear();
            }
        }
        assert_eq!(
            imports(&tree),
            ["dataplane::mix does not import period: take it off the table"]
        );
    }

    #[test]
    fn a_room_that_is_not_on_the_table_is_a_fault() {
        let mut tree = tree_with("a", "");
        for file in &mut tree.files {
            if file.path == "dataplane/src/lib.rs" {
                file.text.push_str("mod cellar;\n");
            }
        }
        assert_eq!(imports(&tree).len(), 1);
        assert!(imports(&tree)[0].contains("cellar"));
    }

    #[test]
    fn the_world_outside_is_found_where_it_does_not_belong() {
        for line in [
            "use mio::Token;",
            "let s = UdpSocket::bind(a);",
            "std::thread::spawn(f)",
        ] {
            let faults = outside(&tree_with("controlplane/src/call/a.rs", line));
            assert_eq!(faults.len(), 1, "{faults:?}");
        }
        let tests = "a\nmod tests {\nuse mio::Token;\n}\n";
        assert_eq!(
            outside(&tree_with("controlplane/src/call/a.rs", tests)),
            [""; 0]
        );
    }

    #[test]
    fn a_client_command_that_knows_the_engine_is_found() {
        let files: Vec<_> = CLIENTS
            .iter()
            .map(|place| (*place, "use crate::client;\n"))
            .collect();
        assert_eq!(clients(&Tree::of(&files)), [""; 0]);
        let mut wrong = files.clone();
        wrong[0].1 = "use sixreel_controlplane::engine::Engine;\n";
        assert_eq!(clients(&Tree::of(&wrong)).len(), 1);
        assert_eq!(clients(&Tree::of(&files[1..])).len(), 1);
    }
}
