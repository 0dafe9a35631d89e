//! Whether a metadata document is what RFC 7865 demands, and what is wrong with it in plain words.

use std::collections::BTreeMap;

use super::id::Id;
use super::schema::{Child, Content, Kind, Shape, XML_SPACE, shape};
use super::tree::{Element, Namespace, Tree};

/// Checks the documents of one recording session in the order of their arrival: a partial one may
/// refer to what earlier ones defined.
#[derive(Clone, Debug, Default)]
pub struct Validator {
    /// A full snapshot came.
    started: bool,
    /// What the last full snapshot and the partial ones after it defined.
    current: BTreeMap<Id, Thing>,
    /// What each identifier ever named.
    ever: BTreeMap<Id, Thing>,
}

/// What an identifier can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Group,
    Session,
    Participant,
    Stream,
}

/// How many findings of one document are told.
const FINDINGS_MAX: usize = 100;

/// How many identifiers of one recording session are remembered.
const IDS_MAX: usize = 10_000;

impl Validator {
    /// Checks the next document; its faults in plain words, each with the place, if it has any.
    pub fn check(&mut self, document: &[u8]) -> Result<(), Vec<String>> {
        let tree = Tree::parse(document).map_err(|error| vec![error.to_string()])?;
        let mut findings = Findings::default();
        for irregular in &tree.irregular {
            findings.add("the document", &format!("is not well-formed: {irregular}"));
        }
        let root = &tree.root;
        match (root.namespace, root.name.as_str()) {
            (Namespace::Recording, "recording") => {
                element(root, "recording", &mut findings);
                self.references(root, &mut findings);
            }
            (Namespace::Recording, "requestsnapshot") => {
                element(root, "requestsnapshot", &mut findings);
            }
            (_, name) => findings.add(
                name,
                "must be a recording or requestsnapshot in the namespace of RFC 7865 §5.1.2",
            ),
        }
        if findings.0.is_empty() {
            Ok(())
        } else {
            Err(findings.0)
        }
    }

    /// RFC 7865 §6.10: an identifier names one thing for good; and what is referred to exists.
    fn references(&mut self, root: &Element, findings: &mut Findings) {
        let mut defined = BTreeMap::new();
        for (path, child) in places("recording", root) {
            let Some((thing, id)) = definition(child) else {
                continue;
            };
            if defined.insert(id, thing).is_some() {
                findings.add(
                    &path,
                    "has an identifier that stands for something else already",
                );
            }
            let before = self.ever.get(&id).copied().unwrap_or(thing);
            if before != thing {
                let text = format!("has the identifier of a {} (RFC 7865 §6.10)", before.name());
                findings.add(&path, &text);
            }
        }
        if is_partial(root) {
            if !self.started {
                findings.add(
                    "recording",
                    "is partial before any full one (RFC 7866 §9.1)",
                );
            }
        } else {
            self.started = true;
            self.current.clear();
        }
        if self.ever.len() + defined.len() > IDS_MAX {
            findings.add("recording", "brings more identifiers than are remembered");
            return;
        }
        self.ever.extend(&defined);
        self.current.extend(&defined);
        self.resolve("recording", root, findings);
    }

    fn resolve(&self, path: &str, parent: &Element, findings: &mut Findings) {
        for (path, child) in places(path, parent) {
            for (thing, text) in mentions(child) {
                let known = Id::parse_base64(text.trim()).map(|id| self.current.get(&id));
                if known.is_some_and(|found| found != Some(&thing)) {
                    let name = thing.name();
                    findings.add(&path, &format!("refers to an unknown {name} {text:?}"));
                }
            }
            self.resolve(&path, child, findings);
        }
    }
}

impl Thing {
    const fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Session => "session",
            Self::Participant => "participant",
            Self::Stream => "stream",
        }
    }
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, path: &str, problem: &str) {
        if self.0.len() < FINDINGS_MAX {
            self.0.push(format!("{path} {problem}"));
        }
    }
}

/// The children that are RFC 7865's, with their places.
fn places<'a>(path: &str, parent: &'a Element) -> impl Iterator<Item = (String, &'a Element)> {
    let mut counts = BTreeMap::new();
    let children = parent.children.iter();
    children
        .filter(|child| child.namespace == Namespace::Recording)
        .map(move |child| {
            let count = counts.entry(child.name.as_str()).or_insert(0);
            *count += 1;
            (format!("{path}/{}[{count}]", child.name), child)
        })
}

fn is_partial(root: &Element) -> bool {
    let mut children = root.children.iter();
    children.any(|child| child.name == "datamode" && child.text == "partial")
}

/// What an element gives an identifier to.
fn definition(element: &Element) -> Option<(Thing, Id)> {
    let (thing, attribute) = match element.name.as_str() {
        "group" => (Thing::Group, "group_id"),
        "session" => (Thing::Session, "session_id"),
        "participant" => (Thing::Participant, "participant_id"),
        "stream" => (Thing::Stream, "stream_id"),
        _ => return None,
    };
    let id = Id::parse_base64(element.attribute(attribute)?.trim())?;
    Some((thing, id))
}

/// What an element refers to.
fn mentions(element: &Element) -> Vec<(Thing, &str)> {
    let session = element
        .attribute("session_id")
        .map(|id| (Thing::Session, id));
    let participant = element.attribute("participant_id");
    let participant = participant.map(|id| (Thing::Participant, id));
    let text = element.text.as_str();
    match element.name.as_str() {
        "stream" | "sessionrecordingassoc" => session.into_iter().collect(),
        "participantsessionassoc" => participant.into_iter().chain(session).collect(),
        "participantstreamassoc" => participant.into_iter().collect(),
        "send" | "recv" => vec![(Thing::Stream, text)],
        "group-ref" => vec![(Thing::Group, text)],
        _ => Vec::new(),
    }
}

/// Holds an element of RFC 7865 against its shape.
fn element(element: &Element, path: &str, findings: &mut Findings) {
    let shape = shape(&element.name).expect("only elements of some sequence are looked at");
    attributes(element, shape, path, findings);
    match shape.content {
        Content::Text(kind) => {
            if !element.children.is_empty() {
                findings.add(path, "has an element where only text may stand");
            }
            value(kind, &element.text, path, findings);
        }
        Content::Elements { sequence, open } => {
            if !element.text.trim_matches(XML_SPACE).is_empty() {
                findings.add(path, "has text where only elements may stand");
            }
            if !open && element.children.iter().any(is_foreign) {
                findings.add(
                    path,
                    "has an element of another namespace where none may stand",
                );
            }
            order(element, sequence, path, findings);
        }
    }
}

fn attributes(element: &Element, shape: &Shape, path: &str, findings: &mut Findings) {
    for attribute in shape.attributes {
        match element.attribute(attribute.name) {
            Some(text) => {
                let path = format!("{path}/@{}", attribute.name);
                value(attribute.kind, text, &path, findings);
            }
            None if attribute.required => {
                findings.add(path, &format!("lacks its attribute {}", attribute.name));
            }
            None => {}
        }
    }
    for (name, _) in &element.attributes {
        let allowed = shape.attributes.iter().any(|known| known.name == name);
        if !allowed && !HINTS.contains(&name.as_str()) {
            findings.add(
                path,
                &format!("has an attribute {name} that may not stand there"),
            );
        }
    }
}

/// Attributes that XML Schema itself allows everywhere.
const HINTS: [&str; 2] = [
    "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation",
    "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation",
];

/// RFC 7865 §9: every child in its turn, those of other namespaces last.
fn order(parent: &Element, sequence: &[Child], path: &str, findings: &mut Findings) {
    let mut turn = 0;
    let mut met = vec![false; sequence.len()];
    let mut foreign = false;
    let mut own = places(path, parent);
    for child in &parent.children {
        if is_foreign(child) {
            foreign = true;
            continue;
        }
        if child.namespace == Namespace::None {
            findings.add(
                path,
                &format!("has an element {} in no namespace", child.name),
            );
            continue;
        }
        let (path, _) = own.next().expect("places are those of just these children");
        let Some(place) = sequence.iter().position(|known| known.name == child.name) else {
            findings.add(&path, "may not stand there");
            continue;
        };
        if foreign {
            findings.add(&path, "stands after an element of another namespace");
        } else if place < turn {
            findings.add(&path, &format!("must stand before {}", sequence[turn].name));
        } else if met[place] && !sequence[place].repeats {
            findings.add(&path, "is one too many");
        }
        turn = turn.max(place);
        met[place] = true;
        element(child, &path, findings);
    }
    for (child, met) in sequence.iter().zip(met) {
        if child.required && !met {
            findings.add(path, &format!("lacks its element {}", child.name));
        }
    }
}

fn is_foreign(element: &Element) -> bool {
    match element.namespace {
        Namespace::Foreign | Namespace::OtherRecording => true,
        Namespace::Recording | Namespace::None => false,
    }
}

fn value(kind: Kind, text: &str, path: &str, findings: &mut Findings) {
    if let Some(wanted) = kind.fault(text) {
        findings.add(path, &format!("is {text:?}: it must be {wanted}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDS: [&str; 4] = [
        "hVpd7YQgRW2nD22h7q60JQ==",
        "srfBElmCRp2QB23b7Mpk0w==",
        "i1Pz3to5hGk8fuXl+PbwCw==",
        "7+OTCyoxTmqmqyA/1weDAg==",
    ];

    /// A document; `$0` to `$3` are identifiers, of a session, a participant, a stream, a group.
    fn document(contents: &str) -> String {
        let mut text = format!(
            "<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">{contents}</recording>"
        );
        for (number, id) in IDS.iter().enumerate() {
            text = text.replace(&format!("${number}"), id);
        }
        text
    }

    const EVERYTHING: &str = "<datamode>complete</datamode>\
        <group group_id='$3'><associate-time>2017-05-01T10:17:11Z</associate-time></group>\
        <session session_id='$0'><sipSessionID>a</sipSessionID>\
        <reason cause='200'>why</reason><group-ref>$3</group-ref>\
        <start-time>2017-05-01T10:17:11Z</start-time>\
        <more xmlns='urn:x'><deep>1</deep></more></session>\
        <participant participant_id='$1'><nameID aor='tel:1'><name xml:lang='en-GB'>A</name>\
        </nameID><nameID aor='h'/></participant>\
        <stream stream_id='$2' session_id='$0'><label>1</label></stream>\
        <sessionrecordingassoc session_id='$0'/>\
        <participantsessionassoc participant_id='$1' session_id='$0'>\
        <param pname='a' pval='b'/></participantsessionassoc>\
        <participantstreamassoc participant_id='$1'><send> $2 </send><recv>$2</recv>\
        <disassociate-time>2017-05-01T10:17:12+02:00</disassociate-time></participantstreamassoc>\
        <x:more xmlns:x='urn:x'/>";

    fn findings(contents: &str) -> Vec<String> {
        let check = Validator::default().check(document(contents).as_bytes());
        check.err().unwrap_or_default()
    }

    #[test]
    fn a_document_with_everything_is_valid() {
        assert_eq!(findings(EVERYTHING), Vec::<String>::new());
        assert_eq!(findings(""), Vec::<String>::new());
    }

    /// What is right in `EVERYTHING`, what is wrong in its place, and what is said of it.
    const FAULTS: &[(&str, &str, &str)] = &[
        ("complete<", "full<", "recording/datamode[1] is \"full\""),
        (
            "'tel:1'",
            "''",
            "recording/participant[1]/nameID[1]/@aor is \"\"",
        ),
        (" aor='h'", "", "nameID[2] lacks its attribute aor"),
        (
            "$2 <",
            "$2x <",
            "send[1] is \" i1Pz3to5hGk8fuXl+PbwCw==x \"",
        ),
        (
            "<recv>$2",
            "<recv>$1",
            "recv[1] refers to an unknown stream",
        ),
        (
            "group-ref>$3",
            "group-ref>$0",
            "group-ref[1] refers to an unknown group",
        ),
        ("11Z</start", "11</start", "session[1]/start-time[1] is"),
        ("'200'", "'40000'", "reason[1]/@cause is"),
        ("en-GB", "en_GB", "must be a language tag"),
        (
            "<label>1",
            "<label>1</label><label>2",
            "label[2] is one too many",
        ),
        (
            "<sipS",
            "<start-time/><sipS",
            "sipSessionID[1] must stand before start-time",
        ),
        (
            "'$2' s",
            "'$2' z='' s",
            "stream[1] has an attribute z that may not stand",
        ),
        (
            "<param",
            "<extensiondata/><param",
            "extensiondata[1] may not stand there",
        ),
        (
            "<param",
            "<y xmlns=''/><param",
            "has an element y in no namespace",
        ),
        (
            "<more",
            "text<more",
            "session[1] has text where only elements",
        ),
        (">A<", "><b/><", "name[1] has an element where only text"),
        (
            "<name ",
            "<y xmlns='urn:x'/><name ",
            "nameID[1] has an element of another",
        ),
        (
            "<nameID aor='h'/>",
            "<y xmlns='urn:x'/><nameID aor='h'/>",
            "nameID[2] stands after",
        ),
        (
            "stream_id='$2'",
            "stream_id='$1'",
            "has an identifier that stands for something",
        ),
        (
            "<x:more xmlns:x='urn:x'/>",
            "<x:more/>",
            "a prefix that it does not declare",
        ),
    ];

    #[test]
    fn each_fault_is_found_and_named() {
        for (right, wrong, finding) in FAULTS {
            assert!(EVERYTHING.contains(right), "{right}");
            let all = findings(&EVERYTHING.replacen(right, wrong, 1)).join("\n");
            assert!(all.contains(finding), "{wrong}: {all:?}");
        }
        let nobody = findings("<participant participant_id='$1'/>");
        assert_eq!(
            nobody,
            ["recording/participant[1] lacks its element nameID"]
        );
        let flood = findings(&"<participant/>".repeat(1000));
        assert_eq!(flood.len(), FINDINGS_MAX);
    }

    #[test]
    fn only_the_namespace_of_the_rfc_counts() {
        for text in [
            "<recording/>",
            "<recording xmlns='urn:ietf:params:xml:ns:recording'/>",
            "<a/>",
        ] {
            let findings = Validator::default().check(text.as_bytes()).unwrap_err();
            assert!(
                findings[0].contains("namespace of RFC 7865"),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn a_partial_document_may_refer_to_what_came_before() {
        let partial = document(
            "<datamode>partial</datamode><participantsessionassoc participant_id='$1' \
             session_id='$0'/><participantstreamassoc participant_id='$1'><send>$2</send>\
             </participantstreamassoc>",
        );
        let alone = Validator::default().check(partial.as_bytes()).unwrap_err();
        assert_eq!(alone.len(), 5, "{alone:?}");

        let mut validator = Validator::default();
        assert_eq!(validator.check(document(EVERYTHING).as_bytes()), Ok(()));
        assert_eq!(validator.check(partial.as_bytes()), Ok(()));
        let emptied = document("<datamode>complete</datamode>");
        assert_eq!(validator.check(emptied.as_bytes()), Ok(()));
        assert_eq!(validator.check(partial.as_bytes()).unwrap_err().len(), 4);
    }

    #[test]
    fn an_identifier_never_changes_hands() {
        let mut validator = Validator::default();
        assert_eq!(validator.check(document(EVERYTHING).as_bytes()), Ok(()));
        let reused = document("<session session_id='$1'/>");
        let finding = "recording/session[1] has the identifier of a participant (RFC 7865 §6.10)";
        assert_eq!(
            validator.check(reused.as_bytes()),
            Err(vec![finding.to_owned()])
        );
    }

    /// Documents from the RFCs and the field: the folder that SIXREEL_INTEROP names.
    #[test]
    fn the_verdicts_are_those_of_the_rfcs_schema() {
        let Ok(folder) = std::env::var("SIXREEL_INTEROP") else {
            println!("skipped: SIXREEL_INTEROP is not set");
            return;
        };
        let check = |validator: &mut Validator, file: &str| {
            let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
            let start = text.find("<?xml").unwrap();
            let end = text.rfind("</re").unwrap();
            let end = end + text[end..].find('>').unwrap();
            validator.check(&text.as_bytes()[start..=end])
        };
        for sequence in [
            &["rfc7865-8.1.xml", "rfc7865-8.2.xml"][..],
            &[
                "rfc8068-3.3.1-mixed-complete.xml",
                "rfc8068-3.3.2-mixed-hold-partial.xml",
                "rfc8068-3.3.3-mixed-join-partial.xml",
                "rfc8068-3.3.3-mixed-drop-partial.xml",
                "rfc8068-3.2.4-bye-partial.xml",
            ],
            &["rfc7865-7-requestsnapshot.xml"],
        ] {
            let mut validator = Validator::default();
            for file in sequence {
                assert_eq!(
                    check(&mut validator, &format!("rfc/{file}")),
                    Ok(()),
                    "{file}"
                );
            }
        }
        for file in [
            "connectel-offer.txt",
            "connectel-offer2.txt",
            "connectel-offer3.txt",
        ] {
            let path = format!("connectel/{file}");
            assert_eq!(check(&mut Validator::default(), &path), Ok(()), "{file}");
        }
        for (file, finding) in [
            ("seed/seed-metadata-raw.txt", "no well-formed XML"),
            (
                "voiceblender/complete.xml",
                "participant[1] must stand before",
            ),
            ("voiceblender/no_namespace.xml", "must be a recording"),
            (
                "voiceblender/partial_join.xml",
                "stream[1] must stand before",
            ),
        ] {
            let findings = check(&mut Validator::default(), file).unwrap_err();
            assert!(
                findings.iter().any(|f| f.contains(finding)),
                "{file}: {findings:#?}"
            );
        }
        let seed = "seed/seed-metadata-quotes-repaired.xml";
        let findings = check(&mut Validator::default(), seed).unwrap_err();
        assert_eq!(findings.len(), 21);
        assert!(
            findings
                .iter()
                .all(|finding| finding.contains("must be 16 bytes in base64"))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_bytes_get_a_verdict(bytes: Vec<u8>, at in 0..2000_usize, len in 0..30_usize) {
            let mut mutated = document(EVERYTHING).into_bytes();
            let at = at.min(mutated.len());
            let end = (at + len).min(mutated.len());
            mutated.splice(at..end, bytes.iter().copied());
            for input in [&bytes, &mutated] {
                let _ = Validator::default().check(input);
                let _ = crate::metadata::Document::parse(input);
            }
        }
    }
}
