//! `sixreel stats`, `health`, `version` and `events`

use serde_json::Value;

use super::Session;
use crate::client::Event;
use crate::failure::Failure;
use crate::output::{Column, counts, plain};

const STATS: &[Column] = &[
    ("up, s", "/uptime_s", plain),
    ("calls", "/calls", plain),
    ("participants", "/participants", plain),
    ("sources", "/sources", plain),
    ("recordings", "/recordings", counts),
    ("established so far", "/established_total", plain),
    ("failed attempts so far", "/failed_attempts_total", plain),
    ("ended so far", "/ended_total", plain),
];

const WORKERS: &[Column] = &[
    ("WORKER", "/worker", plain),
    ("CORE", "/core", plain),
    ("CALLS", "/calls", plain),
    ("SOURCES", "/sources", plain),
    ("SINKS", "/sinks", plain),
    ("PACKETS IN", "/packets_in", plain),
    ("PACKETS OUT", "/packets_out", plain),
    ("DROPPED", "/drops", counts),
    ("LATE P99.9 US", "/late_us/p999", plain),
    ("SKIPPED", "/slots_skipped", plain),
];

const VERSION: &[Column] = &[
    ("product", "/product", plain),
    ("version", "/version", plain),
    ("interface", "/api", plain),
    ("limits", "/limits", limits),
];

/// Counters of the whole server.
pub(crate) fn stats(session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let body = session.get("/v1/stats")?;
    Ok(session.output.show(&body, |output| {
        output.facts(&body, STATS)?;
        output.line("")?;
        output.table("workers", &body["workers"], WORKERS)
    })?)
}

/// Whether the server is well.
pub(crate) fn health(session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let body = session.get("/v1/health")?;
    session.output.show(&body, |output| {
        output.line(&plain(&body["status"]))?;
        let mut problems = body["problems"].as_array().into_iter().flatten();
        problems.try_for_each(|problem| output.line(&format!("  {}", plain(problem))))
    })?;
    if body["status"] == "ok" {
        Ok(())
    } else {
        Err(Failure::Degraded)
    }
}

/// The server's version and limits.
pub(crate) fn version(session: &mut Session<'_, '_>) -> Result<(), Failure> {
    session.show_facts("/v1/version", VERSION)
}

/// What happens, until the server ends.
pub(crate) fn events(session: Session<'_, '_>, after: Option<u64>) -> Result<(), Failure> {
    for event in session.client.events(after)? {
        let event = event?;
        let show = session
            .output
            .show(&event.data, |output| output.line(&line(&event)));
        show?;
    }
    Ok(())
}

/// One limit on each line.
fn limits(limits: &Value) -> String {
    let limits = limits.as_object().into_iter().flatten();
    let lines: Vec<_> = limits
        .map(|(name, limit)| format!("{limit} {}", name.replace('_', " ")))
        .collect();
    lines.join("\n")
}

/// An event for people: time, kind, what it is about, and what happened.
fn line(event: &Event) -> String {
    let data = &event.data;
    if event.kind == "events.gap" {
        let missing = &data["missing"];
        return if missing.is_null() {
            "the server has restarted: events may be missing".to_owned()
        } else {
            format!("{missing} events are missing: the server has forgotten them")
        };
    }
    let mut parts = vec![plain(&data["time"]), plain(&data["type"])];
    for name in ["call", "recording", "recorder", "source"] {
        if data[name].is_string() {
            parts.push(format!("{name}={}", plain(&data[name])));
        }
    }
    if data["detail"].is_string() {
        parts.push(plain(&data["detail"]));
    }
    parts.join("  ")
}
