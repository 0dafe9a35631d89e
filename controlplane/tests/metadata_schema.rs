//! Our validator of recording metadata against a foreign one: Python's xmlschema, with the schema
//! in tests/schema. Skipped where there is no `python3` with xmlschema.

use std::path::{Path, PathBuf};
use std::process::Command;

use sixreel_controlplane::metadata::{
    Company, Facts, Id, IdFormat, ParticipantFacts, SessionFacts, StreamFacts, Validator, complete,
    partial, snapshot_request,
};
use sixreel_controlplane::random::Random;
use sixreel_controlplane::time::Wall;

const START: Wall = Wall(1_493_633_831_042);

/// A document with everything that RFC 7865 knows, at most one tag to a line.
const EVERYTHING: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
<datamode>complete</datamode>
<group group_id="7+OTCyoxTmqmqyA/1weDAg==">
<associate-time>2017-05-01T10:17:11Z</associate-time>
<disassociate-time>2017-05-01T10:17:11.5+02:00</disassociate-time>
<x:more xmlns:x="urn:more">&amp;<x:deep a="1"/></x:more>
</group>
<session session_id="hVpd7YQgRW2nD22h7q60JQ==">
<sipSessionID>ab30317f1a784dc48ff824d0d3715d86</sipSessionID>
<reason cause="200" protocol="SIP">why</reason>
<group-ref>7+OTCyoxTmqmqyA/1weDAg==</group-ref>
<start-time>2017-05-01T10:17:11Z</start-time>
<stop-time>2017-05-01T10:17:12Z</stop-time>
</session>
<participant participant_id="srfBElmCRp2QB23b7Mpk0w==">
<nameID aor="sip:bob@biloxi.example">
<name xml:lang="it">Bob &lt;&#66;&gt;</name>
</nameID>
<nameID aor="tel:1000"/>
</participant>
<stream stream_id="i1Pz3to5hGk8fuXl+PbwCw==" session_id="hVpd7YQgRW2nD22h7q60JQ==">
<label>96</label>
</stream>
<sessionrecordingassoc session_id="hVpd7YQgRW2nD22h7q60JQ=="/>
<participantsessionassoc participant_id="srfBElmCRp2QB23b7Mpk0w=="
session_id="hVpd7YQgRW2nD22h7q60JQ==">
<param pname="a" pval="b"/>
</participantsessionassoc>
<participantstreamassoc participant_id="srfBElmCRp2QB23b7Mpk0w==">
<send>i1Pz3to5hGk8fuXl+PbwCw==</send>
<recv>i1Pz3to5hGk8fuXl+PbwCw==</recv>
</participantstreamassoc>
</recording>"#;

/// Findings that no schema can have: they are about other elements and other documents.
const BEYOND_SCHEMA: [&str; 4] = [
    "refers to an unknown",
    "stands for something else",
    "has the identifier of",
    "is partial before any full one",
];

#[test]
fn every_document_that_we_write_is_valid_to_a_foreign_validator() {
    let (before, after) = (facts(), facts_later());
    let ids = IdFormat::Base64;
    let documents = [
        complete(&before, ids, Company::Offer),
        complete(&after, ids, Company::Alone),
        partial(&before, &after, ids).unwrap(),
        partial(&after, &before, ids).unwrap(),
        snapshot_request(None),
        snapshot_request(Some("why <not>?")),
    ];
    let Some(verdicts) = foreign_verdicts("written", &documents) else {
        println!("skipped: there is no python3 with xmlschema");
        return;
    };
    assert_eq!(verdicts, [true; 6]);
}

#[test]
fn our_verdict_on_damaged_documents_is_the_foreign_one() {
    let mut documents = damaged_by_lines();
    documents.extend(damaged_by_values());
    documents.extend(damaged_by_characters(300));
    let Some(verdicts) = foreign_verdicts("damaged", &documents) else {
        println!("skipped: there is no python3 with xmlschema");
        return;
    };
    for (document, foreign) in documents.iter().zip(&verdicts) {
        let findings = Validator::default()
            .check(document)
            .err()
            .unwrap_or_default();
        let beyond = |finding: &String| BEYOND_SCHEMA.iter().any(|text| finding.contains(text));
        let ours = findings.iter().all(beyond);
        let text = String::from_utf8_lossy(document);
        assert_eq!(ours, *foreign, "{findings:#?} on {text}");
    }
    let valid = verdicts.iter().filter(|valid| **valid).count();
    assert!((20..verdicts.len() - 20).contains(&valid), "{valid}");
}

fn facts() -> Facts {
    let participant = |number: u8| ParticipantFacts {
        id: Id([number; 16]),
        aor: "J\u{fc}rgen \"[#%\" <sip:1>".to_owned(),
        name: Some("J\u{fc}rgen & <\u{1f4de}>\u{7}]]>\r\n".to_owned()),
        joined: START,
        left: None,
        sends: true,
        receives: true,
        media_since: START,
    };
    Facts {
        session: SessionFacts {
            id: Id([0xff; 16]),
            started: START,
            ended: None,
            sip_session_ids: vec!["a<b".to_owned(), String::new()],
        },
        participants: vec![participant(1), participant(2)],
        stream: StreamFacts {
            id: Id([0x80; 16]),
            label: "1&2".to_owned(),
        },
    }
}

fn facts_later() -> Facts {
    let mut facts = facts();
    facts.session.ended = Some(START);
    facts.participants[0].left = Some(START);
    facts.participants[1].name = None;
    facts.participants[1].sends = false;
    facts.participants.push(ParticipantFacts {
        id: Id([3; 16]),
        aor: String::new(),
        ..facts.participants[1].clone()
    });
    facts
}

/// Every line left out, doubled, and changed for the next.
fn damaged_by_lines() -> Vec<Vec<u8>> {
    let lines: Vec<_> = EVERYTHING.lines().collect();
    let mut documents = Vec::new();
    for place in 1..lines.len() {
        let mut without = lines.clone();
        without.remove(place);
        let mut doubled = lines.clone();
        doubled.insert(place, lines[place]);
        let mut swapped = lines.clone();
        swapped.swap(place - 1, place);
        documents.extend([without, doubled, swapped].map(|lines| lines.join("\n").into_bytes()));
    }
    documents
}

const SESSION: &str = "session_id=\"hVpd7YQgRW2nD22h7q60JQ==\"";
const START_TIME: &str = "2017-05-01T10:17:11Z</start";

/// What is right in `EVERYTHING`, and what is nearly right or just right in its place.
const NEARLY_RIGHT: &[(&str, &str)] = &[
    (SESSION, "session_id=\" hVpd7YQgRW2nD22h7q60JQ== \""),
    (SESSION, "session_id=\"hVpd7YQgRW2nD22h7q60JR==\""),
    (SESSION, "session_id=\"hVpd7YQgRW2nD22h7q60\""),
    (
        SESSION,
        "session_id=\"a41aaf39-690d-4a20-8970-ae53ffa4dd81\"",
    ),
    (SESSION, "session_id=\"\""),
    (SESSION, "Session_id=\"hVpd7YQgRW2nD22h7q60JQ==\""),
    (SESSION, "session_id='hVpd7YQgRW2nD22h7q60JQ=='"),
    (START_TIME, " 2017-05-01T10:17:11Z\n</start"),
    (START_TIME, "2017-05-01T10:17:11</start"),
    (START_TIME, "2017-05-01T10:17:11+0000</start"),
    (START_TIME, "2017-05-01T10:17:11+14:00</start"),
    (START_TIME, "2017-05-01T10:17:11-14:01</start"),
    (START_TIME, "2017-05-01t10:17:11z</start"),
    (START_TIME, "2017-02-29T10:17:11Z</start"),
    (START_TIME, "2016-02-29T10:17:11.123456789Z</start"),
    (START_TIME, "2017-05-01T24:00:00Z</start"),
    (START_TIME, "2017-05-01T23:59:60Z</start"),
    (START_TIME, "0000-05-01T23:59:59Z</start"),
    ("complete<", " complete<"),
    ("complete<", "partial<"),
    ("complete<", "Complete<"),
    ("complete</", "com<!-- x -->plete</"),
    ("\"200\"", "\" +32767 \""),
    ("\"200\"", "\"32768\""),
    ("\"200\"", "\"\""),
    ("xml:lang=\"it\"", "xml:lang=\"de-CH-1996\""),
    ("xml:lang=\"it\"", "xml:lang=\"\""),
    ("xml:lang=\"it\"", "xml:lang=\"it_IT\""),
    ("xml:lang=\"it\"", "lang=\"it\""),
    ("tel:1000", ""),
    ("tel:1000", "7602922410"),
    ("tel:1000", "tel:1000 1"),
    ("tel:1000", "a\u{fc}b"),
    ("urn:more", "urn:ietf:params:xml:ns:recording:1"),
    ("urn:more", "urn:ietf:params:xml:ns:recording"),
    ("<x:more xmlns:x=\"urn:more\">", "<x:more>"),
    ("</session>", "<more xmlns=''/></session>"),
    ("</session>", "<more xmlns='urn:more'/></session>"),
    ("</session>", "text</session>"),
    ("</session>", "<![CDATA[ ]]></session>"),
    ("</label>", "<b/></label>"),
    ("<label>96", "<label><![CDATA[<96>]]>"),
    ("96", "]]>"),
    ("96", "&nbsp;"),
    ("96", "&#1;"),
    ("96", "a & b"),
    ("96", "a < b"),
    ("UTF-8", "utf-8"),
    ("<recording ", "<recording a=\"1\" "),
    (
        "<recording ",
        "<recording xmlns:s=\"http://www.w3.org/2001/XMLSchema-instance\" \
             s:schemaLocation=\"a b\" ",
    ),
    (
        "urn:ietf:params:xml:ns:recording:1",
        "urn:ietf:params:xml:ns:recording:2",
    ),
];

fn damaged_by_values() -> Vec<Vec<u8>> {
    let damage = |(from, to): &(&str, &str)| {
        assert!(EVERYTHING.contains(from), "{from}");
        EVERYTHING.replacen(from, to, 1).into_bytes()
    };
    NEARLY_RIGHT.iter().map(damage).collect()
}

/// Single characters changed, put in and taken out, anywhere below the XML declaration, in which
/// the foreign parser overlooks a good deal.
fn damaged_by_characters(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new([5; 32]);
    let mut below = |limit: usize| random.below(limit as u64) as usize;
    let start = EVERYTHING.find('\n').expect("the declaration is a line");
    let alphabet = b"<>/&;:=\"' -!?[]xA0\n";
    (0..count)
        .map(|_| {
            let mut document = EVERYTHING.as_bytes().to_vec();
            let place = start + below(document.len() - start);
            let character = alphabet[below(alphabet.len())];
            match below(3) {
                0 => document[place] = character,
                1 => document.insert(place, character),
                _ => drop(document.remove(place)),
            }
            document
        })
        .collect()
}

/// Whether each document is valid, to xmlschema; `None` if there is none.
fn foreign_verdicts(name: &str, documents: &[Vec<u8>]) -> Option<Vec<bool>> {
    let has_xmlschema = Command::new("python3")
        .args(["-c", "import xmlschema"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_xmlschema {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let files: Vec<PathBuf> = (0..documents.len())
        .map(|number| folder.join(format!("{number}.xml")))
        .collect();
    for (file, document) in files.iter().zip(documents) {
        std::fs::write(file, document).expect("the file can be written");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/schema/validate.py");
    let output = Command::new("python3")
        .arg(script)
        .args(&files)
        .output()
        .expect("python3 runs");
    let text = String::from_utf8(output.stdout).expect("the script writes UTF-8");
    let verdict = |file: &PathBuf| {
        let is = |what: &str| text.contains(&format!("{}: {what}\n", file.display()));
        let (valid, invalid) = (is("valid"), is("invalid"));
        assert!(valid != invalid, "{text}");
        valid
    };
    Some(files.iter().map(verdict).collect())
}
