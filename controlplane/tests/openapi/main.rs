//! docs/openapi.json tells the truth: about routes, requests, answers and limits.
#![cfg(test)]

/// What the document says about requests.
mod requests;
/// What the document says about answers.
mod views;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sixreel_controlplane::config::{Config, Recorder};
use sixreel_controlplane::control::DOCUMENT;
use sixreel_controlplane::control::limits;
use sixreel_controlplane::control::problem::ProblemKind;
use sixreel_controlplane::control::route::ROUTES;
use sixreel_controlplane::control::view::EventKind;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

fn validator(mut document: Value, schema: &str) -> jsonschema::Validator {
    document["$ref"] = json!(format!("#/components/schemas/{schema}"));
    jsonschema::draft202012::new(&document).unwrap()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.path.to_owned(), route.method.name().to_lowercase()))
        .collect();
    let mut described = BTreeSet::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        for method in methods.filter(|key| *key != "parameters") {
            described.insert((path.clone(), method.clone()));
        }
    }
    assert_eq!(described, routes);
}

#[test]
fn every_reference_leads_somewhere_and_every_part_is_used() {
    fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    let mut used = BTreeSet::new();
    collect(&document, &mut used);
    let mut parts = BTreeSet::new();
    for (kind, named) in document["components"].as_object().unwrap() {
        let names = named.as_object().unwrap().keys();
        parts.extend(names.map(|name| format!("#/components/{kind}/{name}")));
    }
    let unused: Vec<_> = parts
        .iter()
        .filter(|part| !used.contains(part.as_str()))
        .collect();
    // What stands inside an event stream cannot be referred to from its media type.
    let in_streams = [
        "#/components/schemas/Event",
        "#/components/schemas/EventGap",
    ];
    assert_eq!(unused, in_streams);
    assert!(used.iter().all(|reference| parts.contains(*reference)));
}

#[test]
fn every_operation_says_how_it_can_fail() {
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(responses) = operation.get("responses").and_then(Value::as_object) else {
                continue;
            };
            let mut expected = BTreeSet::from(["default"]);
            if path.contains('{') {
                expected.insert("422");
            }
            if operation.get("requestBody").is_some() {
                expected.extend(["400", "413", "415", "422"]);
            }
            if path.contains('{') && (path.matches('{').count() > 1 || method != "put") {
                expected.insert("404");
            }
            let missing: Vec<_> = expected
                .iter()
                .filter(|s| !responses.contains_key(**s))
                .collect();
            assert!(missing.is_empty(), "{method} {path}: {missing:?}");
        }
    }
}

#[test]
fn the_page_for_people_names_every_problem_and_every_event() {
    let page = include_str!("../../../docs/control-protocol.md");
    for kind in ProblemKind::ALL {
        assert!(page.contains(&format!("`{}`", kind.row().0)), "{kind:?}");
    }
    for kind in EventKind::ALL {
        assert!(page.contains(&format!("`{}`", kind.name())), "{kind:?}");
    }
}

/// The recorder of a configuration with that profile.
fn configured(profile: &str) -> Recorder {
    let text = format!(
        "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
         [[recorder]]\nid = \"r1\"\nuri = \"sip:r@192.0.2.1\"\nprofile = \"{profile}\"\n"
    );
    let config = Config::parse(&text).unwrap();
    config.recorders.into_iter().next().unwrap()
}

#[test]
fn profiles_and_their_settings_are_described_for_machines_and_people() {
    let document = document();
    let page = include_str!("../../../docs/control-protocol.md");
    let schemas = &document["components"]["schemas"];
    let profiles = schemas["Recorder"]["properties"]["profile"]["enum"]
        .as_array()
        .unwrap();
    let profiles: Vec<_> = profiles.iter().map(|name| name.as_str().unwrap()).collect();
    let settings = profiles
        .iter()
        .map(|profile| configured(profile).settings());
    let settings: Vec<_> = settings.collect();
    let names: Vec<_> = settings[0].iter().map(|setting| setting.name).collect();
    assert_eq!(
        schemas["Setting"]["properties"]["name"]["enum"],
        json!(names)
    );
    let mut by = vec!["configuration"];
    by.extend(&profiles);
    assert_eq!(
        schemas["Setting"]["properties"]["set_by"]["enum"],
        json!(by)
    );
    assert!(page.contains(&format!("| setting | `{}` |", profiles.join("` | `"))));
    for (place, name) in names.iter().enumerate() {
        let values = settings
            .iter()
            .map(|list| format!("`{}`", list[place].value));
        let row = format!("| `{name}` | {} |", values.collect::<Vec<_>>().join(" | "));
        assert!(page.contains(&row), "the page lacks: {row}");
    }
}

#[test]
fn the_limits_in_the_document_are_the_limits() {
    let document = document();
    let at = |place: &str| document.pointer(&format!("/components{place}")).unwrap();
    for (place, limit) in [
        ("/schemas/ConsoleId/maxLength", limits::CONSOLE_ID_CHARS),
        ("/schemas/User/maxLength", limits::USER_CHARS),
        ("/schemas/DisplayName/maxLength", limits::NAME_CHARS),
        ("/schemas/Number/maxLength", limits::NUMBER_CHARS),
        ("/schemas/Aor/maxLength", limits::AOR_CHARS),
        ("/schemas/Called/maxItems", limits::CALLED_PARTIES),
        ("/schemas/LeaseS/minimum", *limits::LEASE_S.start() as usize),
        ("/schemas/LeaseS/maximum", *limits::LEASE_S.end() as usize),
        (
            "/schemas/JitterMaxMs/minimum",
            *limits::JITTER_MAX_MS.start() as usize,
        ),
        (
            "/schemas/JitterMaxMs/maximum",
            *limits::JITTER_MAX_MS.end() as usize,
        ),
        ("/parameters/Limit/schema/minimum", *limits::PAGE.start()),
        ("/parameters/Limit/schema/maximum", *limits::PAGE.end()),
        ("/parameters/Limit/schema/default", limits::PAGE_DEFAULT),
    ] {
        assert_eq!(at(place), &json!(limit), "{place}");
    }
    let most = format!("{{1,{}}}$", limits::ID_CHARS);
    assert!(at("/schemas/Id/pattern").as_str().unwrap().ends_with(&most));
    let body = format!("longer than {} bytes", limits::BODY_BYTES);
    assert!(
        at("/responses/BodyTooLarge/description")
            .as_str()
            .unwrap()
            .contains(&body)
    );
}
