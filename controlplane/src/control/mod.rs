//! The control interface, version 1: HTTP/1.1 and JSON under `/v1`.
//!
//! Bytes become an `http::Incoming`, `route` makes a `request::Request` of it, the engine
//! gives a `reply::Reply`, and that becomes bytes again. Nothing here knows a socket.

/// JSON bodies to typed facts, held against the limits.
mod body;
/// One HTTP/1.1 connection without its socket.
pub mod http;
/// What is refused beyond.
pub mod limits;
/// New facts by JSON merge patch.
pub mod patch;
/// Errors as `application/problem+json`.
pub mod problem;
/// What the engine answers.
pub mod reply;
/// What the control interface can be asked, as typed requests.
pub mod request;
/// Method, path, query and body to a typed request: the table of all routes.
pub mod route;
/// The keys of a source, as the interface takes them and never shows them again.
pub mod srtp;
/// Server-sent events and their replay.
pub mod sse;
/// What the control interface shows, as JSON.
pub mod view;

/// The interface's own description, OpenAPI 3.1.
pub const DOCUMENT: &str = include_str!("../../../docs/openapi.json");
