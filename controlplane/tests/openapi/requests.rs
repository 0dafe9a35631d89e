//! What the document says about requests.

use proptest::prelude::*;
use serde_json::{Value, json};
use sixreel_controlplane::control::http::{Incoming, Method};
use sixreel_controlplane::control::request::{Name, Remote};
use sixreel_controlplane::control::route::route;

use super::{document, validator};

/// A field with values that are good, at least in some bodies, and values that are not.
type Field = (&'static str, &'static str, &'static str);

/// An object with any of `fields`, mostly good ones; sometimes with a foreign one.
fn object(fields: &'static [Field]) -> impl Strategy<Value = Value> {
    let fields = fields.iter().map(|(name, good, bad)| {
        let one_of = |values: &str| {
            let values: Vec<Value> = serde_json::from_str(values).unwrap();
            prop::sample::select(values).prop_map(move |value| Some((*name, value)))
        };
        prop_oneof![3 => Just(None), 12 => one_of(good), 1 => one_of(bad)].boxed()
    });
    let foreign = prop_oneof![9 => Just(None), 1 => Just(Some(("nmae", json!("x"))))].boxed();
    let fields: Vec<_> = fields.chain([foreign]).collect();
    fields.prop_map(|fields| fields.into_iter().flatten().collect())
}

const CALL: &[Field] = &[
    ("console_id", r#"["c", "console 4"]"#, r#"["", null, 7]"#),
    ("user", r#"["u", "", null]"#, r#"[["u"]]"#),
    (
        "calling",
        r#"[{}, {"name": "A"}, {"number": null}]"#,
        r#"[{"x": 1}, null, "A", {"name": 1}, ["A", "1"]]"#,
    ),
    (
        "called",
        r#"[[], [{}], [{"name": "A"}, {"number": "1"}]]"#,
        r#"[[{"name": 1}], [null], [["A", "1"]], null, {}]"#,
    ),
    ("codec", r#"["PCMU", "PCMA"]"#, r#"["pcmu", "G729", null]"#),
    ("security", r#"["none", "secure"]"#, r#"["", null]"#),
    (
        "priority",
        r#"["non-urgent", "normal", "urgent", "emergency"]"#,
        r#"["low", null]"#,
    ),
    (
        "lease_s",
        r#"[5, 60, 60.0, 86400, null]"#,
        r#"[4, 86401, -1, 4294967296, 5.5, "5"]"#,
    ),
];

const PARTICIPANT: &[Field] = &[
    ("name", r#"["A", "", null]"#, "[1]"),
    ("number", r#"["1", null]"#, "[1]"),
    (
        "aor",
        r#"["tel:1", "SIPS:a@b", "sip:[::1]", null]"#,
        r#"["sip:", "tel:a b", "x", "sip:é", "sip:<", 1]"#,
    ),
    ("state", r#"["active", "held"]"#, r#"["gone", null]"#),
];

const SOURCE: &[Field] = &[
    (
        "participant",
        r#"["p", "a@b"]"#,
        r#"["a/b", "", "..", null]"#,
    ),
    (
        "payload_types",
        r#"[{"0": "PCMU"}, {"0": "PCMU", "101": "telephone-event"}, {"127": "PCMA"}]"#,
        r#"[{}, {"13": "CN"}, {"128": "PCMU"}, {"00": "PCMU"}, {"": "PCMU"}, {"0": "G729"}, null]"#,
    ),
    (
        "remote",
        r#"["192.0.2.1", "[2001:db8::1]:4000", null]"#,
        "[1]",
    ),
    (
        "jitter_max_ms",
        "[20, 200, 1000]",
        r#"[19, 1001, 70000, "20", null]"#,
    ),
];

/// Whether the router takes `body`, and whether the document says that it does.
fn taken(method: Method, path: &str, schema: &str, body: &Value) -> (bool, bool) {
    let incoming = Incoming {
        method,
        target: path.to_owned(),
        content_type: None,
        last_event_id: None,
        body: body.to_string().into_bytes(),
    };
    let described = validator(document(), schema).is_valid(body);
    (route(&incoming).is_ok(), described)
}

#[test]
fn a_body_that_is_no_object_is_not_taken() {
    let participant = "/v1/calls/7/participants/p";
    for (method, path, schema) in [
        (Method::Put, "/v1/calls/7", "CallFacts"),
        (Method::Patch, "/v1/calls/7", "CallPatch"),
        (Method::Put, participant, "ParticipantFacts"),
        (Method::Patch, participant, "ParticipantPatch"),
        (Method::Put, "/v1/calls/7/sources/s", "SourceSpec"),
    ] {
        for body in [
            json!([]),
            json!([null]),
            json!(["a", {"0": "PCMU"}]),
            json!(null),
            json!(1),
        ] {
            assert_eq!(
                taken(method, path, schema, &body),
                (false, false),
                "{path} {body}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_call_is_taken_as_described(body in object(CALL)) {
        let (taken, described) = taken(Method::Put, "/v1/calls/7", "CallFacts", &body);
        prop_assert_eq!(taken, described);
    }

    #[test]
    fn a_calls_patch_is_taken_as_described(body in object(CALL)) {
        let (taken, described) = taken(Method::Patch, "/v1/calls/7", "CallPatch", &body);
        prop_assert_eq!(taken, described);
    }

    #[test]
    fn a_participant_is_taken_as_described(body in object(PARTICIPANT)) {
        let path = "/v1/calls/7/participants/p";
        let (whole, described) = taken(Method::Put, path, "ParticipantFacts", &body);
        prop_assert_eq!(whole, described);
        let (patch, described) = taken(Method::Patch, path, "ParticipantPatch", &body);
        prop_assert_eq!(patch, described);
    }

    #[test]
    fn a_source_is_taken_as_described(body in object(SOURCE)) {
        let path = "/v1/calls/7/sources/s";
        let (taken, described) = taken(Method::Put, path, "SourceSpec", &body);
        prop_assert_eq!(taken, described);
    }

    #[test]
    fn a_remote_is_taken_as_described(
        text in prop_oneof![
            "[0-9a-f:]{0,5}::?[0-9a-f:]{0,5}",
            "[0-9a-f]{1,4}(:[0-9a-f]{0,4}){6,8}",
            "[0-9]{1,3}([.][0-9]{1,3}){2,4}",
            "192[.]0[.]2[.]1:[1-9][0-9]{0,5}",
            "\\[2001:db8::1\\]:[1-9][0-9]{0,5}",
        ],
    ) {
        let described = validator(document(), "Remote").is_valid(&json!(text));
        prop_assert_eq!(Remote::try_from(text).is_ok(), described);
    }

    #[test]
    fn an_identifier_is_taken_as_described(text in "[A-Za-z0-9._~:@+ /é-]{0,4}") {
        let described = validator(document(), "Id").is_valid(&json!(text));
        prop_assert_eq!(Name::new(&text).is_some(), described);
    }
}
