//! Calls as people see them.

use serde_json::Value;

use super::path;
use crate::client::segment;
use crate::commands::{Session, granted, recording};
use crate::failure::Failure;
use crate::output::{Column, counts, person, persons, plain};

const CALLS: &[Column] = &[
    ("CALL", "/id", plain),
    ("CONSOLE", "/console_id", plain),
    ("USER", "/user", plain),
    ("CALLING", "/calling", person),
    ("STATE", "/state", plain),
    ("PARTICIPANTS", "/participants", plain),
    ("SOURCES", "/sources", plain),
    ("RECORDINGS", "/recordings", counts),
    ("STARTED", "/started", plain),
];

const FACTS: &[Column] = &[
    ("call", "/id", plain),
    ("state", "/state", plain),
    ("started", "/started", plain),
    ("console", "/console_id", plain),
    ("user", "/user", plain),
    ("calling", "/calling", person),
    ("called", "/called", persons),
    ("codec", "/codec", plain),
    ("security", "/security", plain),
    ("priority", "/priority", plain),
    ("lease, s", "/lease_s", plain),
];

const PARTICIPANTS: &[Column] = &[
    ("PARTICIPANT", "/id", plain),
    ("NAME", "", person),
    ("AOR", "/aor", plain),
    ("STATE", "/state", plain),
    ("JOINED", "/joined", plain),
];

const SOURCES: &[Column] = &[
    ("SOURCE", "/id", plain),
    ("PARTICIPANT", "/participant", plain),
    ("SEND TO", "/address", plain),
    ("PORT", "/port", plain),
    ("STATE", "/state", plain),
    ("FROM", "/latched", plain),
    ("PACKETS", "/packets", plain),
    ("LOST", "/lost", plain),
    ("JITTER MS", "/jitter_ms", plain),
    ("DELAY MS", "/delay_ms", plain),
];

/// All calls.
pub(super) fn list(session: &mut Session<'_, '_>) -> Result<(), Failure> {
    session.show_list("calls", CALLS)
}

/// A call with everything that belongs to it.
pub(super) fn show(session: &mut Session<'_, '_>, call: &str) -> Result<(), Failure> {
    let body = session.get(&path(call))?;
    let recordings = recordings(session, &body["recordings"])?;
    Ok(session.output.show(&body, |output| {
        output.facts(&body, FACTS)?;
        output.line("")?;
        output.table("participants", &body["participants"], PARTICIPANTS)?;
        output.line("")?;
        output.table("sources", &body["sources"], SOURCES)?;
        output.line("")?;
        output.table("recordings", &recordings, recording::COLUMNS)
    })?)
}

/// The recordings of these identifiers; one that has ended in the meantime is left out.
fn recordings(session: &mut Session<'_, '_>, ids: &Value) -> Result<Value, Failure> {
    let mut recordings = Vec::new();
    for id in ids.as_array().into_iter().flatten() {
        let path = format!("/v1/recordings/{}", segment(&plain(id)));
        let answer = session.client.get(&path)?;
        if answer.status != 404 {
            recordings.push(granted(Ok(answer))?);
        }
    }
    Ok(recordings.into())
}
