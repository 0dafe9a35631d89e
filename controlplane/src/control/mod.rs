//! The control interface, version 1: HTTP/1.1 and JSON under `/v1`.

/// What the control interface can be asked, as typed requests.
pub mod request;
/// What the control interface shows, as JSON.
pub mod view;
