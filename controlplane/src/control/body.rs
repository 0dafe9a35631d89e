//! Bodies: JSON text to typed facts, held against the limits.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::limits::{
    AOR_CHARS, CALLED_PARTIES, CONSOLE_ID_CHARS, ID_CHARS, JITTER_MAX_MS, LEASE_S, NAME_CHARS,
    NUMBER_CHARS, USER_CHARS,
};
use super::patch::{CallPatch, ParticipantPatch};
use super::problem::{Problem, ProblemKind};
use super::request::{CallFacts, ParticipantFacts, Party, SourceSpec};

/// The fields that are lists. Nowhere else may an array stand.
const LISTS: [&str; 1] = ["called"];

/// Facts that a body can carry.
pub(super) trait Facts: DeserializeOwned {
    /// Whether every value is within its limits.
    fn check(&self) -> Result<(), Problem>;
}

/// Parses a body, naming the field and the remedy where it cannot be.
pub(super) fn parse<T: Facts>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        let remedy = "send a JSON object; /v1/openapi.json describes it";
        return Err(Problem::new(
            ProblemKind::MalformedJson,
            "there is no body",
            remedy,
        ));
    }
    let value = serde_json::from_slice(bytes).map_err(|error| {
        let remedy = "send one well-formed JSON object in UTF-8";
        Problem::new(ProblemKind::MalformedJson, error.to_string(), remedy)
    })?;
    let facts: T = serde_path_to_error::deserialize(tidy(value, "")?).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        refused(&blamed(&path, &message), message)
    })?;
    facts.check()?;
    Ok(facts)
}

/// The value as the facts' readers must see it. They would take an array for an object, and only
/// one of two spellings of a whole number, 60 and 60.0.
fn tidy(value: Value, path: &str) -> Result<Value, Problem> {
    Ok(match value {
        Value::Array(items) if LISTS.contains(&path) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(place, item)| tidy(item, &format!("{path}[{place}]")));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Array(_) => {
            let field = if path.is_empty() { "body" } else { path };
            return Err(refused(field, format!("{field} is an array")));
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let path = format!("{path}.{name}");
                let value = tidy(value, path.trim_start_matches('.'))?;
                Ok((name, value))
            });
            Value::Object(fields.collect::<Result<_, _>>()?)
        }
        Value::Number(number) => Value::Number(whole(&number).map_or(number, Number::from)),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    })
}

/// The whole number that is spelled as a fraction.
fn whole(number: &Number) -> Option<u32> {
    let value = number.as_f64().filter(|_| number.is_f64())?;
    let is_whole = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
    is_whole.then_some(value as u32)
}

/// Refuses a value of `field`, which may be a path like `called[1].name`.
pub(super) fn refused(field: &str, detail: impl Into<String>) -> Problem {
    Problem::invalid(field, detail, expected(field))
}

/// What would be right in `field`.
fn expected(field: &str) -> String {
    let name = field.rsplit('.').next().unwrap_or(field);
    match name {
        _ if field.starts_with("payload_types") => {
            "payload_types maps RTP payload types \"0\" to \"127\" to PCMU, PCMA, CN or \
             telephone-event, with PCMU or PCMA at least once"
                .to_owned()
        }
        "body" => "the body is one JSON object; /v1/openapi.json describes it".to_owned(),
        "console_id" => format!("console_id is a text of 1 to {CONSOLE_ID_CHARS} characters"),
        "user" => format!("user is a text of up to {USER_CHARS} characters"),
        "name" => format!("name is a text of up to {NAME_CHARS} characters"),
        "number" => format!("number is a text of up to {NUMBER_CHARS} characters"),
        "calling" => "calling is an object with name and number".to_owned(),
        _ if name.starts_with("called") => {
            format!("called is a list of up to {CALLED_PARTIES} objects with name and number")
        }
        "codec" => "codec is PCMU or PCMA".to_owned(),
        "security" => "security is none or secure".to_owned(),
        "srtp" => {
            "srtp is a crypto line like \"1 AES_CM_128_HMAC_SHA1_80 inline:…\", or an object \
                   of suite and key, in base64"
                .to_owned()
        }
        "priority" => "priority is non-urgent, normal, urgent or emergency".to_owned(),
        "lease_s" => format!(
            "lease_s is a whole number of seconds from {} to {}",
            LEASE_S.start(),
            LEASE_S.end()
        ),
        "aor" => format!("aor is a sip:, sips: or tel: URI of up to {AOR_CHARS} characters"),
        "state" => "state is active or held".to_owned(),
        "participant" => format!("participant is {}", identifier()),
        "remote" => "remote is an IP address, or an IP address and a port like 192.0.2.1:4000, \
                     [2001:db8::1]:4000"
            .to_owned(),
        "jitter_max_ms" => format!(
            "jitter_max_ms is a whole number of milliseconds from {} to {}",
            JITTER_MAX_MS.start(),
            JITTER_MAX_MS.end()
        ),
        _ => "/v1/openapi.json describes every field".to_owned(),
    }
}

/// What an identifier must be.
pub(super) fn identifier() -> String {
    format!("1 to {ID_CHARS} characters of A-Z a-z 0-9 . _ ~ : @ + -, but neither . nor ..")
}

impl Facts for CallFacts {
    fn check(&self) -> Result<(), Problem> {
        console_id(&self.console_id)?;
        text("user", self.user.as_ref(), USER_CHARS)?;
        party("calling", &self.calling)?;
        called(&self.called)?;
        self.lease_s.map_or(Ok(()), lease)
    }
}

impl Facts for CallPatch {
    fn check(&self) -> Result<(), Problem> {
        self.console_id.as_deref().map_or(Ok(()), console_id)?;
        text("user", self.user.value(), USER_CHARS)?;
        if let Some(calling) = self.calling.value() {
            text("calling.name", calling.name.value(), NAME_CHARS)?;
            text("calling.number", calling.number.value(), NUMBER_CHARS)?;
        }
        self.called.value().map_or(Ok(()), |list| called(list))?;
        self.lease_s.value().copied().map_or(Ok(()), lease)
    }
}

impl Facts for ParticipantFacts {
    fn check(&self) -> Result<(), Problem> {
        text("name", self.name.as_ref(), NAME_CHARS)?;
        text("number", self.number.as_ref(), NUMBER_CHARS)?;
        self.aor.as_deref().map_or(Ok(()), aor)
    }
}

impl Facts for ParticipantPatch {
    fn check(&self) -> Result<(), Problem> {
        text("name", self.name.value(), NAME_CHARS)?;
        text("number", self.number.value(), NUMBER_CHARS)?;
        self.aor.value().map_or(Ok(()), |value| aor(value))
    }
}

impl Facts for SourceSpec {
    fn check(&self) -> Result<(), Problem> {
        if !self.payload_types.values().any(|name| name.is_codec()) {
            return Err(refused("payload_types", "payload_types names no codec"));
        }
        within("jitter_max_ms", self.jitter_max_ms, &JITTER_MAX_MS)
    }
}

fn console_id(value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(refused("console_id", "console_id is empty"));
    }
    length("console_id", value, CONSOLE_ID_CHARS)
}

fn lease(value: u32) -> Result<(), Problem> {
    within("lease_s", value, &LEASE_S)
}

fn called(list: &[Party]) -> Result<(), Problem> {
    if list.len() > CALLED_PARTIES {
        return Err(refused(
            "called",
            format!("called has {} entries", list.len()),
        ));
    }
    let mut entries = list.iter().enumerate();
    entries.try_for_each(|(place, entry)| party(&format!("called[{place}]"), entry))
}

fn party(path: &str, value: &Party) -> Result<(), Problem> {
    text(&format!("{path}.name"), value.name.as_ref(), NAME_CHARS)?;
    text(
        &format!("{path}.number"),
        value.number.as_ref(),
        NUMBER_CHARS,
    )
}

/// As far as the interface looks: a scheme that recorders know, and characters that a URI may
/// have (RFC 3986 §2).
fn aor(value: &str) -> Result<(), Problem> {
    length("aor", value, AOR_CHARS)?;
    let (scheme, rest) = value.split_once(':').unwrap_or_default();
    let known = ["sip", "sips", "tel"];
    let clean = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    if known.iter().any(|name| scheme.eq_ignore_ascii_case(name))
        && !rest.is_empty()
        && rest.bytes().all(clean)
    {
        return Ok(());
    }
    Err(refused("aor", format!("aor is {value:?}")))
}

fn text(path: &str, value: Option<&String>, most: usize) -> Result<(), Problem> {
    value.map_or(Ok(()), |value| length(path, value, most))
}

fn length(path: &str, value: &str, most: usize) -> Result<(), Problem> {
    let count = value.chars().count();
    if count > most {
        return Err(refused(path, format!("{path} has {count} characters")));
    }
    Ok(())
}

fn within<T>(path: &str, value: T, range: &std::ops::RangeInclusive<T>) -> Result<(), Problem>
where
    T: PartialOrd + Display,
{
    if !range.contains(&value) {
        return Err(refused(path, format!("{path} is {value}")));
    }
    Ok(())
}

/// The field to blame: a missing one has no path of its own, but the message names it.
fn blamed(path: &str, message: &str) -> String {
    let missing = message.strip_prefix("missing field `");
    let missing = missing.and_then(|rest| rest.split('`').next());
    match (path, missing) {
        // What stands below it may be a key that was put into the wrong place.
        (path, _) if path.starts_with("srtp") => "srtp".to_owned(),
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
        (".", None) => "body".to_owned(),
        (path, None) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Field, detail and remedy with which `body` is refused.
    fn refusal<T: Facts + std::fmt::Debug>(body: &Value) -> (String, String, String) {
        let problem = parse::<T>(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::InvalidValue);
        let field = problem.field.expect("an invalid value has a field");
        (field, problem.detail, problem.remedy)
    }

    fn call(extra: Value) -> Value {
        let mut body = json!({ "console_id": "c" });
        for (name, value) in extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    fn source(extra: Value) -> Value {
        let mut body = json!({ "participant": "p", "payload_types": { "0": "PCMU" } });
        for (name, value) in extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    #[test]
    fn an_unknown_field_is_named_with_its_path_and_its_neighbours() {
        let body = call(json!({ "called": [{}, { "nmae": "A" }] }));
        let (field, detail, _) = refusal::<CallFacts>(&body);
        assert_eq!(field, "called[1].nmae");
        assert!(detail.contains("expected `name` or `number`"), "{detail}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let (field, _, remedy) = refusal::<CallFacts>(&json!({}));
        assert_eq!(field, "console_id");
        assert_eq!(remedy, "console_id is a text of 1 to 128 characters");
    }

    #[test]
    fn a_wrong_type_is_named_with_what_would_be_right() {
        let (field, _, remedy) = refusal::<CallFacts>(&call(json!({ "lease_s": "x" })));
        assert_eq!(field, "lease_s");
        assert_eq!(
            remedy,
            "lease_s is a whole number of seconds from 5 to 86400"
        );
        let (field, _, remedy) = refusal::<SourceSpec>(&source(json!({ "payload_types": 1 })));
        assert_eq!(field, "payload_types");
        assert!(
            remedy.contains("PCMU, PCMA, CN or telephone-event"),
            "{remedy}"
        );
        let (field, detail, _) = refusal::<ParticipantFacts>(&json!(1));
        assert_eq!(field, "body");
        assert!(detail.starts_with("invalid type: integer `1`"), "{detail}");
    }

    #[test]
    fn an_array_is_not_an_object() {
        assert_eq!(refusal::<ParticipantFacts>(&json!([null])).0, "body");
        let body = json!({ "calling": ["A"] });
        assert_eq!(refusal::<CallPatch>(&body).1, "calling is an array");
        let body = call(json!({ "called": [{}, ["A"]] }));
        assert_eq!(refusal::<CallFacts>(&body).0, "called[1]");
    }

    #[test]
    fn text_that_is_not_json_is_refused_with_its_place() {
        for (body, place) in [("{\n  x", "line 2 column 3"), ("{}}", "line 1 column 3")] {
            let problem = parse::<ParticipantFacts>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::MalformedJson);
            assert!(problem.detail.contains(place), "{}", problem.detail);
        }
        let problem = parse::<ParticipantFacts>(b"").unwrap_err();
        assert_eq!(problem.detail, "there is no body");
    }

    #[test]
    fn texts_and_lists_are_held_to_their_limits_in_characters() {
        let letters = |count: usize| json!("ö".repeat(count));
        for (field, most) in [("console_id", 128), ("user", 128)] {
            let fits = call(json!({ field: letters(most) })).to_string();
            parse::<CallFacts>(fits.as_bytes()).unwrap();
            let body = call(json!({ field: letters(most + 1) }));
            assert_eq!(refusal::<CallFacts>(&body).0, field);
        }
        for (field, most) in [("name", 256), ("number", 64)] {
            let body = call(json!({ "called": [{}, { field: letters(most + 1) }] }));
            let (path, detail, _) = refusal::<CallFacts>(&body);
            assert_eq!(path, format!("called[1].{field}"));
            assert_eq!(detail, format!("{path} has {} characters", most + 1));
            let body = json!({ "calling": { field: letters(most + 1) } });
            assert_eq!(refusal::<CallPatch>(&body).0, format!("calling.{field}"));
            let body = json!({ field: letters(most + 1) });
            assert_eq!(refusal::<ParticipantFacts>(&body).0, field);
            assert_eq!(refusal::<ParticipantPatch>(&body).0, field);
        }
        let parties = |count: usize| json!({ "called": vec![json!({}); count] });
        parse::<CallPatch>(parties(32).to_string().as_bytes()).unwrap();
        assert_eq!(
            refusal::<CallPatch>(&parties(33)).1,
            "called has 33 entries"
        );
        assert_eq!(
            refusal::<CallFacts>(&call(json!({ "console_id": "" }))).0,
            "console_id"
        );
        assert_eq!(
            refusal::<CallPatch>(&json!({ "console_id": "" })).0,
            "console_id"
        );
    }

    #[test]
    fn numbers_are_held_to_their_ranges() {
        for lease in [
            json!(4),
            json!(86_401),
            json!(-1),
            json!(1e12),
            json!(5.5),
            json!(-5.0),
        ] {
            let body = json!({ "lease_s": lease });
            assert_eq!(refusal::<CallPatch>(&body).0, "lease_s");
            assert_eq!(refusal::<CallFacts>(&call(body)).0, "lease_s");
        }
        for (lease, jitter) in [(json!(5), json!(20.0)), (json!(86_400.0), json!(1000))] {
            let body = call(json!({ "lease_s": lease })).to_string();
            parse::<CallFacts>(body.as_bytes()).unwrap();
            let body = source(json!({ "jitter_max_ms": jitter })).to_string();
            parse::<SourceSpec>(body.as_bytes()).unwrap();
        }
        for jitter in [json!(19), json!(1001), json!(70_000)] {
            let body = source(json!({ "jitter_max_ms": jitter }));
            assert_eq!(refusal::<SourceSpec>(&body).0, "jitter_max_ms");
        }
    }

    #[test]
    fn an_address_of_record_is_a_sip_or_tel_uri() {
        let body = |aor: &str| json!({ "aor": aor });
        for good in ["tel:1000", "SIP:a@b;x=y", "sips:a@[2001:db8::1]:5061?h=v"] {
            parse::<ParticipantFacts>(body(good).to_string().as_bytes()).unwrap();
        }
        let long = format!("tel:{}", "1".repeat(509));
        for bad in [
            "",
            "1000",
            "tel:",
            "mailto:a@b",
            "sip:a b",
            "sip:a\r\nX: y",
            "<sip:a>",
            &long,
        ] {
            assert_eq!(refusal::<ParticipantFacts>(&body(bad)).0, "aor", "{bad:?}");
            assert_eq!(refusal::<ParticipantPatch>(&body(bad)).0, "aor", "{bad:?}");
        }
    }

    #[test]
    fn a_source_needs_a_codec_and_a_participant() {
        for types in [json!({}), json!({ "13": "CN", "101": "telephone-event" })] {
            let body = source(json!({ "payload_types": types }));
            assert_eq!(refusal::<SourceSpec>(&body).0, "payload_types");
        }
        let body = source(json!({ "payload_types": { "128": "PCMU" } }));
        assert!(refusal::<SourceSpec>(&body).0.starts_with("payload_types"));
        let body = source(json!({ "participant": "a/b" }));
        assert_eq!(refusal::<SourceSpec>(&body).0, "participant");
        let body = source(json!({ "remote": "example.com" }));
        assert_eq!(refusal::<SourceSpec>(&body).0, "remote");
    }
}
