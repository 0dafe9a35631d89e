//! Errors as the interface tells them: `application/problem+json` (RFC 9457).

use serde::Serialize;

use super::http::Response;
use super::request::Name;

/// Seconds after which a request that met a limit may be tried again.
const RETRY_AFTER_S: u32 = 5;

/// Why a request was refused: what, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// What is wrong with this request, in a sentence.
    pub detail: String,
    /// The field, path or query parameter to blame.
    pub field: Option<String>,
    /// What would be right.
    pub remedy: String,
    /// A header that belongs to the answer.
    header: Option<(&'static str, String)>,
}

/// The kinds of problems: each has a stable name, a status and a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    MalformedRequest,
    MalformedJson,
    NoSuchPath,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    BodyTooLarge,
    UnsupportedMediaType,
    ExpectationFailed,
    InvalidValue,
    HeadTooLarge,
    NotImplemented,
    LimitReached,
    ShuttingDown,
    HttpVersion,
}

/// What a request may look for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    Call,
    Participant,
    Source,
    Recording,
    Recorder,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    remedy: &'a str,
}

impl Problem {
    /// A problem that has neither a field nor a header.
    pub fn new(kind: ProblemKind, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            remedy: remedy.into(),
            header: None,
        }
    }

    /// There is no `resource` of this name.
    pub fn not_found(resource: Resource, id: &Name) -> Self {
        let (label, listed) = resource.words();
        Self::new(
            ProblemKind::NotFound,
            format!("there is no {label} {id}"),
            format!("{listed} shows those that exist"),
        )
    }

    /// No more than `limit` of `what` ("calls") at once.
    pub fn limit_reached(what: &str, limit: usize) -> Self {
        let detail = format!("the limit of {limit} {what} is reached");
        let remedy = "try again when one of them has ended; GET /v1/version shows every limit";
        Self::new(ProblemKind::LimitReached, detail, remedy)
            .with_header("Retry-After", RETRY_AFTER_S.to_string())
    }

    /// The process takes nothing new because it ends.
    pub fn shutting_down() -> Self {
        let detail = "the server is shutting down";
        let remedy = "try again when it is back, or at another server";
        Self::new(ProblemKind::ShuttingDown, detail, remedy)
            .with_header("Retry-After", RETRY_AFTER_S.to_string())
    }

    /// A field has a value that cannot be.
    pub fn invalid(
        field: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(ProblemKind::InvalidValue, detail, remedy)
        }
    }

    /// A field has a value that would be right in another state, such as the name of a participant
    /// who is not in the call.
    pub fn conflict(
        field: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(ProblemKind::Conflict, detail, remedy)
        }
    }

    /// The path exists, and has other methods: `allow` lists them.
    pub(super) fn method_not_allowed(path: &str, allow: String) -> Self {
        let detail = format!("{path} does not have this method");
        let remedy = format!("use one of: {allow}");
        Self::new(ProblemKind::MethodNotAllowed, detail, remedy).with_header("Allow", allow)
    }

    /// The answer that says it.
    pub fn response(&self) -> Response {
        let (slug, status, title) = self.kind.row();
        let body = Body {
            r#type: format!("urn:sixreel:problem:{slug}"),
            title,
            status,
            detail: &self.detail,
            field: self.field.as_deref(),
            remedy: &self.remedy,
        };
        let mut response = Response::json(status, "application/problem+json", &body);
        response.headers.extend(self.header.clone());
        response
    }

    fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::MalformedRequest,
        Self::MalformedJson,
        Self::NoSuchPath,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::ExpectationFailed,
        Self::InvalidValue,
        Self::HeadTooLarge,
        Self::NotImplemented,
        Self::LimitReached,
        Self::ShuttingDown,
        Self::HttpVersion,
    ];

    /// Its stable name, the HTTP status and the title.
    pub const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::MalformedRequest => ("malformed-request", 400, "The request is malformed"),
            Self::MalformedJson => ("malformed-json", 400, "The body is not JSON"),
            Self::NoSuchPath => ("no-such-path", 404, "There is no such path"),
            Self::NotFound => ("not-found", 404, "There is no such resource"),
            Self::MethodNotAllowed => ("method-not-allowed", 405, "The method is not allowed"),
            Self::RequestTimeout => ("request-timeout", 408, "The request took too long"),
            Self::Conflict => (
                "conflict",
                409,
                "The request does not fit the present state",
            ),
            Self::BodyTooLarge => ("body-too-large", 413, "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                415,
                "The body's type is not supported",
            ),
            Self::ExpectationFailed => ("expectation-failed", 417, "The expectation is not known"),
            Self::InvalidValue => ("invalid-value", 422, "A value is not valid"),
            Self::HeadTooLarge => ("head-too-large", 431, "The request's head is too large"),
            Self::NotImplemented => ("not-implemented", 501, "The coding is not implemented"),
            Self::LimitReached => ("limit-reached", 503, "A limit is reached"),
            Self::ShuttingDown => ("shutting-down", 503, "The server is shutting down"),
            Self::HttpVersion => ("http-version", 505, "The HTTP version is not supported"),
        }
    }
}

impl Resource {
    /// What it is called, and what lists it.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Call => ("call", "GET /v1/calls"),
            Self::Participant => ("participant", "GET /v1/calls/{call}"),
            Self::Source => ("source", "GET /v1/calls/{call}"),
            Self::Recording => ("recording", "GET /v1/recordings"),
            Self::Recorder => ("recorder", "GET /v1/recorders"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn body(problem: &Problem) -> serde_json::Value {
        serde_json::from_slice(&problem.response().body).unwrap()
    }

    #[test]
    fn a_problem_names_type_status_field_and_remedy() {
        let problem = Problem::invalid("lease_s", "lease_s is 3", "use 5 to 86400");
        let expected = serde_json::json!({
            "type": "urn:sixreel:problem:invalid-value",
            "title": "A value is not valid",
            "status": 422,
            "detail": "lease_s is 3",
            "field": "lease_s",
            "remedy": "use 5 to 86400",
        });
        assert_eq!(body(&problem), expected);
        assert_eq!(problem.response().status, 422);
        assert_eq!(problem.response().media, "application/problem+json");
    }

    #[test]
    fn a_problem_without_a_field_does_not_mention_one() {
        let call = Name::new("7").unwrap();
        let problem = body(&Problem::not_found(Resource::Call, &call));
        assert_eq!(problem["detail"], "there is no call 7");
        assert_eq!(problem.get("field"), None);
    }

    #[test]
    fn a_limit_says_when_to_come_back() {
        let headers = Problem::limit_reached("calls", 2).response().headers;
        assert_eq!(headers, [("Retry-After", "5".to_owned())]);
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| kind.row().0).collect();
        assert_eq!(names.len(), ProblemKind::ALL.len());
    }
}
