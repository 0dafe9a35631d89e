//! Method, path, query and body to a typed request. One table names every route.

use std::vec::IntoIter;

use super::body::{self, Facts};
use super::http::{Incoming, Method};
use super::limits::{PAGE, PAGE_DEFAULT};
use super::problem::{Problem, ProblemKind};
use super::request::{Name, Page, Request};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Something that the engine answers.
    Request(Request),
    /// `GET /v1/events`: server-sent events, from after `last_event_id` where it is given.
    Events { last_event_id: Option<u64> },
    /// `GET /v1/openapi.json`: the interface's own description.
    Document,
}

/// One method of one path.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// Segments in braces stand for identifiers.
    pub path: &'static str,
    ask: fn(&mut Parts<'_>) -> Result<Asked, Problem>,
}

/// Every route.
pub const ROUTES: [Route; 23] = [
    Route::new(Method::Get, "/v1/calls", |parts| {
        let page = parts.page()?;
        request(Request::CallList { page })
    }),
    Route::new(Method::Get, "/v1/calls/{call}", |parts| {
        let call = parts.name();
        request(Request::CallGet { call })
    }),
    Route::new(Method::Put, "/v1/calls/{call}", |parts| {
        let (call, facts) = (parts.name(), parts.facts()?);
        request(Request::CallPut { call, facts })
    }),
    Route::new(Method::Patch, "/v1/calls/{call}", |parts| {
        let (call, patch) = (parts.name(), parts.facts()?);
        request(Request::CallPatch { call, patch })
    }),
    Route::new(Method::Delete, "/v1/calls/{call}", |parts| {
        let call = parts.name();
        request(Request::CallDelete { call })
    }),
    Route::new(Method::Post, "/v1/calls/{call}/pause", |parts| {
        let call = parts.name();
        request(Request::CallPause { call })
    }),
    Route::new(Method::Post, "/v1/calls/{call}/resume", |parts| {
        let call = parts.name();
        request(Request::CallResume { call })
    }),
    Route::new(Method::Put, PARTICIPANT, |parts| {
        let (call, participant, facts) = (parts.name(), parts.name(), parts.facts()?);
        request(Request::ParticipantPut {
            call,
            participant,
            facts,
        })
    }),
    Route::new(Method::Patch, PARTICIPANT, |parts| {
        let (call, participant, patch) = (parts.name(), parts.name(), parts.facts()?);
        request(Request::ParticipantPatch {
            call,
            participant,
            patch,
        })
    }),
    Route::new(Method::Delete, PARTICIPANT, |parts| {
        let (call, participant) = (parts.name(), parts.name());
        request(Request::ParticipantDelete { call, participant })
    }),
    Route::new(Method::Get, SOURCE, |parts| {
        let (call, source) = (parts.name(), parts.name());
        request(Request::SourceGet { call, source })
    }),
    Route::new(Method::Put, SOURCE, |parts| {
        let (call, source, spec) = (parts.name(), parts.name(), parts.facts()?);
        request(Request::SourcePut { call, source, spec })
    }),
    Route::new(Method::Delete, SOURCE, |parts| {
        let (call, source) = (parts.name(), parts.name());
        request(Request::SourceDelete { call, source })
    }),
    Route::new(Method::Get, "/v1/recordings", |parts| {
        let page = parts.page()?;
        request(Request::RecordingList { page })
    }),
    Route::new(Method::Get, "/v1/recordings/{recording}", |parts| {
        let recording = parts.name();
        request(Request::RecordingGet { recording })
    }),
    Route::new(Method::Get, "/v1/recorders", |_| {
        request(Request::RecorderList)
    }),
    Route::new(Method::Get, "/v1/recorders/{recorder}", |parts| {
        let recorder = parts.name();
        request(Request::RecorderGet { recorder })
    }),
    Route::new(Method::Post, "/v1/recorders/{recorder}/test", |parts| {
        let recorder = parts.name();
        request(Request::RecorderTest { recorder })
    }),
    Route::new(Method::Get, "/v1/stats", |_| request(Request::Stats)),
    Route::new(Method::Get, "/v1/health", |_| request(Request::Health)),
    Route::new(Method::Get, "/v1/version", |_| request(Request::Version)),
    Route::new(Method::Get, "/v1/events", |parts| {
        let last_event_id = parts.last_event_id()?;
        Ok(Asked::Events { last_event_id })
    }),
    Route::new(Method::Get, "/v1/openapi.json", |_| Ok(Asked::Document)),
];

const PARTICIPANT: &str = "/v1/calls/{call}/participants/{participant}";
const SOURCE: &str = "/v1/calls/{call}/sources/{source}";

/// What a route may use of a request. What it leaves over is refused.
struct Parts<'a> {
    names: IntoIter<Name>,
    query: Vec<(String, String)>,
    incoming: &'a Incoming,
    body_taken: bool,
}

/// Understands a request.
pub fn route(incoming: &Incoming) -> Result<Asked, Problem> {
    let target = origin_form(&incoming.target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // RFC 9110 §9.3.2: HEAD is GET, and only the answer's body is left out.
    let method = if incoming.method == Method::Head {
        Method::Get
    } else {
        incoming.method
    };
    let mut at_path = ROUTES.iter().filter(|route| route.matches(path)).peekable();
    if at_path.peek().is_none() {
        return Err(no_such_path(path));
    }
    let Some(route) = at_path.find(|route| route.method == method) else {
        return Err(Problem::method_not_allowed(path, allowed(path)));
    };
    let mut parts = Parts {
        names: route.names(path)?.into_iter(),
        query: parameters(query)?,
        incoming,
        body_taken: false,
    };
    let asked = (route.ask)(&mut parts)?;
    parts.finish()?;
    Ok(asked)
}

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        ask: fn(&mut Parts<'_>) -> Result<Asked, Problem>,
    ) -> Self {
        Self { method, path, ask }
    }

    fn matches(&self, path: &str) -> bool {
        let fits = |(own, given): (&str, &str)| match label(own) {
            Some(_) => !given.is_empty(),
            None => own == given,
        };
        self.path.split('/').count() == path.split('/').count()
            && self.path.split('/').zip(path.split('/')).all(fits)
    }

    /// The identifiers in a path that matches.
    fn names(&self, path: &str) -> Result<Vec<Name>, Problem> {
        let segments = self.path.split('/').zip(path.split('/'));
        let labelled = segments.filter_map(|(own, given)| Some((label(own)?, given)));
        let named = labelled.map(|(label, given)| {
            let name = percent_decode(given)?;
            Name::new(&name).ok_or_else(|| {
                let detail = format!("{label} is {name:?}");
                Problem::invalid(label, detail, format!("{label} is {}", body::identifier()))
            })
        });
        named.collect()
    }
}

impl Parts<'_> {
    /// The next identifier of the path.
    fn name(&mut self) -> Name {
        let name = self.names.next();
        name.expect("a route takes no more names than its path has")
    }

    fn facts<T: Facts>(&mut self) -> Result<T, Problem> {
        let incoming = self.incoming;
        let media = incoming.content_type.as_deref().unwrap_or(JSON);
        let media = media.split(';').next().unwrap_or_default().trim();
        let fits = media.eq_ignore_ascii_case(JSON)
            || (incoming.method == Method::Patch && media.eq_ignore_ascii_case(MERGE_PATCH));
        if !fits {
            let detail = format!("the body is {media:?}");
            let remedy = "send Content-Type: application/json";
            return Err(Problem::new(
                ProblemKind::UnsupportedMediaType,
                detail,
                remedy,
            ));
        }
        self.body_taken = true;
        body::parse(&incoming.body)
    }

    fn page(&mut self) -> Result<Page, Problem> {
        let after = match self.parameter("after") {
            None => None,
            Some(text) => Some(Name::new(&text).ok_or_else(|| {
                let detail = format!("after is {text:?}");
                Problem::invalid("after", detail, format!("after is {}", body::identifier()))
            })?),
        };
        let limit = match self.parameter("limit") {
            None => PAGE_DEFAULT,
            Some(text) => number(&text)
                .filter(|limit| PAGE.contains(limit))
                .ok_or_else(|| {
                    let (least, most) = (PAGE.start(), PAGE.end());
                    let remedy = format!("limit is a number from {least} to {most}");
                    Problem::invalid("limit", format!("limit is {text:?}"), remedy)
                })?,
        };
        Ok(Page { after, limit })
    }

    /// From the header, which a client that reconnects sends, or else from the query.
    fn last_event_id(&mut self) -> Result<Option<u64>, Problem> {
        let query = self.parameter("last_event_id");
        let Some(text) = self.incoming.last_event_id.clone().or(query) else {
            return Ok(None);
        };
        let id = number(&text).ok_or_else(|| {
            let remedy = "last_event_id is the number of an event; leave it out to begin now";
            Problem::invalid(
                "last_event_id",
                format!("last_event_id is {text:?}"),
                remedy,
            )
        })?;
        Ok(Some(id))
    }

    fn parameter(&mut self, name: &str) -> Option<String> {
        let place = self.query.iter().position(|(own, _)| own == name)?;
        Some(self.query.remove(place).1)
    }

    /// Refuses what nobody took.
    fn finish(self) -> Result<(), Problem> {
        if let Some((name, _)) = self.query.into_iter().next() {
            let detail = format!("the parameter {name} is unknown here, or stands there twice");
            let remedy = "/v1/openapi.json describes the parameters of every path";
            return Err(Problem::invalid(name, detail, remedy));
        }
        // Some clients cannot send a POST without a body: an empty object says as little.
        let said = self.incoming.body.trim_ascii();
        if !self.body_taken && !said.is_empty() && said != b"{}" {
            let detail = "the request has a body, which nobody would read";
            return Err(Problem::invalid("body", detail, "send no body"));
        }
        Ok(())
    }
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

const fn request(request: Request) -> Result<Asked, Problem> {
    Ok(Asked::Request(request))
}

/// Path and query of a target in origin form or absolute form (RFC 9112 §3.2).
fn origin_form(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            rest.find('/').map_or("/", |path| &rest[path..])
        }
        Some(_) | None => target,
    }
}

/// The label of a segment that stands for an identifier.
fn label(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The methods of a path, as the Allow header lists them.
fn allowed(path: &str) -> String {
    let routes = ROUTES.iter().filter(|route| route.matches(path));
    let names = routes.flat_map(|route| {
        let head = (route.method == Method::Get).then_some("HEAD");
        [route.method.name()].into_iter().chain(head)
    });
    names.collect::<Vec<_>>().join(", ")
}

fn no_such_path(path: &str) -> Problem {
    let mut paths: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    paths.dedup();
    let detail = format!("there is nothing at {path}");
    let remedy = format!("the paths are {}", paths.join(", "));
    Problem::new(ProblemKind::NoSuchPath, detail, remedy)
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((percent_decode(name)?, percent_decode(value)?))
    });
    pairs.collect()
}

/// RFC 3986 §2.1
fn percent_decode(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let Some((&[high, low], after)) = after.split_first_chunk() else {
            return Err(bad_percent(text));
        };
        let (Some(high), Some(low)) = (digit(&high), digit(&low)) else {
            return Err(bad_percent(text));
        };
        bytes.push((high * 16 + low) as u8);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| bad_percent(text))
}

fn bad_percent(text: &str) -> Problem {
    let detail = format!("{text:?} is not percent-encoded UTF-8");
    let remedy = "write % and two hexadecimal digits for each byte that a path cannot carry";
    Problem::new(ProblemKind::MalformedRequest, detail, remedy)
}

/// A number in digits and nothing else.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::request::{CallFacts, CodecName, Party, Priority, Security};

    fn incoming(method: Method, target: &str, body: &str) -> Incoming {
        Incoming {
            method,
            target: target.to_owned(),
            content_type: None,
            last_event_id: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn ask(method: Method, target: &str, body: &str) -> Result<Asked, Problem> {
        route(&incoming(method, target, body))
    }

    fn asked(method: Method, target: &str, body: &str) -> Request {
        match ask(method, target, body) {
            Ok(Asked::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn status(method: Method, target: &str, body: &str) -> u16 {
        ask(method, target, body).unwrap_err().kind.row().1
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_call_is_put_with_its_facts() {
        let body = r#"{"console_id":"c1","called":[{"number":"2000"}],"codec":"PCMA"}"#;
        let expected = Request::CallPut {
            call: name("a@b"),
            facts: CallFacts {
                console_id: "c1".to_owned(),
                user: None,
                calling: Party::default(),
                called: vec![Party {
                    name: None,
                    number: Some("2000".to_owned()),
                }],
                codec: CodecName::Pcma,
                security: Security::None,
                priority: Priority::Normal,
                lease_s: None,
            },
        };
        assert_eq!(asked(Method::Put, "/v1/calls/a%40b", body), expected);
        let absolute = "http://localhost/v1/calls/a%40b";
        assert_eq!(asked(Method::Put, absolute, body), expected);
    }

    #[test]
    fn names_come_in_the_order_of_the_path() {
        let expected = Request::SourceGet {
            call: name("1"),
            source: name("2"),
        };
        assert_eq!(asked(Method::Get, "/v1/calls/1/sources/2", ""), expected);
        assert_eq!(asked(Method::Head, "/v1/calls/1/sources/2", ""), expected);
    }

    #[test]
    fn lists_come_in_pages() {
        let page = |target| {
            let (Request::CallList { page } | Request::RecordingList { page }) =
                asked(Method::Get, target, "")
            else {
                panic!("{target} is a list");
            };
            page
        };
        let first = page("/v1/calls");
        assert_eq!((first.after, first.limit), (None, 100));
        let second = page("/v1/recordings?limit=200&after=x%3a1");
        assert_eq!((second.after, second.limit), (Some(name("x:1")), 200));
        for query in [
            "limit=0",
            "limit=201",
            "limit=+1",
            "limit=",
            "after=",
            "after=a/b",
        ] {
            assert_eq!(
                status(Method::Get, &format!("/v1/calls?{query}"), ""),
                422,
                "{query}"
            );
        }
    }

    #[test]
    fn events_begin_after_the_header_or_else_the_query() {
        let mut incoming = incoming(Method::Get, "/v1/events?last_event_id=7", "");
        let after = |id| Ok(Asked::Events { last_event_id: id });
        assert_eq!(route(&incoming), after(Some(7)));
        incoming.last_event_id = Some("9".to_owned());
        assert_eq!(route(&incoming), after(Some(9)));
        incoming.last_event_id = Some("x".to_owned());
        assert_eq!(
            route(&incoming).unwrap_err().field.unwrap(),
            "last_event_id"
        );
        assert_eq!(ask(Method::Get, "/v1/events", ""), after(None));
    }

    #[test]
    fn an_unknown_path_is_told_what_exists() {
        for path in [
            "/",
            "/v1",
            "/v1/calls/",
            "/v1/calls/1/pausee",
            "/v2/calls",
            "*",
            "/v1//x",
        ] {
            let problem = ask(Method::Get, path, "").unwrap_err();
            assert_eq!(problem.kind, ProblemKind::NoSuchPath, "{path}");
            assert!(problem.remedy.contains("/v1/calls/{call}/pause, "));
        }
    }

    #[test]
    fn a_method_that_a_path_does_not_have_is_told_which_it_has() {
        let problem = ask(Method::Post, "/v1/calls/1", "").unwrap_err();
        let headers = problem.response().headers;
        assert_eq!(
            headers,
            [("Allow", "GET, HEAD, PUT, PATCH, DELETE".to_owned())]
        );
        assert_eq!(status(Method::Other, "/v1/calls", ""), 405);
        assert_eq!(status(Method::Get, "/v1/calls/1/pause", ""), 405);
    }

    #[test]
    fn only_json_is_understood() {
        let with = |method, media: &str| {
            let mut incoming = incoming(method, "/v1/calls/1", r#"{"console_id":"c"}"#);
            incoming.content_type = Some(media.to_owned());
            route(&incoming).map(|_| ()).map_err(|problem| problem.kind)
        };
        assert_eq!(with(Method::Put, "Application/JSON; charset=utf-8"), Ok(()));
        assert_eq!(with(Method::Patch, "application/merge-patch+json"), Ok(()));
        let refused = Err(ProblemKind::UnsupportedMediaType);
        assert_eq!(with(Method::Put, "application/merge-patch+json"), refused);
        assert_eq!(
            with(Method::Put, "application/x-www-form-urlencoded"),
            refused
        );
        assert_eq!(with(Method::Patch, "text/json"), refused);
    }

    #[test]
    fn what_nobody_would_read_is_refused() {
        let problem = ask(Method::Get, "/v1/stats?verbose=1", "").unwrap_err();
        assert_eq!(problem.field.unwrap(), "verbose");
        assert_eq!(status(Method::Get, "/v1/calls?limit=1&limit=2", ""), 422);
        assert_eq!(status(Method::Post, "/v1/calls/1/pause", r#"{"x":1}"#), 422);
        let paused = Request::CallPause { call: name("1") };
        assert_eq!(asked(Method::Post, "/v1/calls/1/pause", ""), paused);
        assert_eq!(asked(Method::Post, "/v1/calls/1/pause", " {}\n"), paused);
    }

    #[test]
    fn a_bad_identifier_is_named() {
        let long = "x".repeat(129);
        for bad in ["a%20b", "%2e%2e", "%C3%A9", &long] {
            let target = format!("/v1/calls/1/participants/{bad}");
            let problem = ask(Method::Delete, &target, "").unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("participant"), "{bad}");
        }
        for bad in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert_eq!(
                status(Method::Get, &format!("/v1/calls/{bad}"), ""),
                400,
                "{bad}"
            );
        }
    }

    #[test]
    fn every_request_that_names_a_call_renews_its_lease() {
        for route in &ROUTES {
            let target = route.path.replace(['{', '}'], "");
            let body = match (route.method, target.contains("sources")) {
                (Method::Put, true) => r#"{"participant":"p","payload_types":{"0":"PCMU"}}"#,
                (Method::Put, false) if target.ends_with("call") => r#"{"console_id":"c"}"#,
                (Method::Put | Method::Patch, _) => "{}",
                _ => "",
            };
            let call = match ask(route.method, &target, body).unwrap() {
                Asked::Request(request) => request.call().cloned(),
                Asked::Events { .. } | Asked::Document => None,
            };
            let named = route.path.contains("{call}");
            assert_eq!(call, named.then(|| name("call")), "{}", route.path);
        }
    }

    proptest! {
        #[test]
        fn any_target_and_body_is_understood_or_refused(
            target in "/v1/(calls|recordings|events|[a-z]{0,3})(/[ -~]{0,8}){0,4}([?][ -~]{0,9})?",
            body in "[\\[\\]{}:,\"a-z0-9]{0,30}",
            method in prop::sample::select(vec![Method::Get, Method::Put, Method::Patch]),
        ) {
            if let Err(problem) = ask(method, &target, &body) {
                prop_assert!(!problem.detail.is_empty() && !problem.remedy.is_empty());
            }
        }

        #[test]
        fn every_name_survives_percent_encoding(text in "[A-Za-z0-9._~:@+-]{3,20}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let expected = Request::RecorderGet { recorder: name(&text) };
            let target = format!("/v1/recorders/{encoded}");
            prop_assert_eq!(asked(Method::Get, &target, ""), expected);
        }
    }
}
