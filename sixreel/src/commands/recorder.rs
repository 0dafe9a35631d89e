//! `sixreel recorder …`

use std::io;

use serde_json::Value;

use super::{Session, granted};
use crate::cli::{ListCommand, RecorderCommand};
use crate::client::segment;
use crate::failure::Failure;
use crate::output::{Column, Output, plain};

const COLUMNS: &[Column] = &[
    ("RECORDER", "/id", plain),
    ("STATE", "/state", plain),
    ("GROUP", "/group", plain),
    ("URI", "/uri", plain),
    ("TRANSPORT", "/transport", plain),
    ("VERIFIED", "/tls", verified),
    ("SRTP", "/srtp", plain),
    ("INFO", "/info", plain),
    ("RECORDING", "/recordings/recording", plain),
    ("CONNECTING", "/recordings/connecting", plain),
    ("RETRYING", "/recordings/retrying", plain),
    ("FAILED", "/recordings/failed", plain),
    ("LAST ERROR", "/last_error", plain),
];

const FACTS: &[Column] = &[
    ("recorder", "/id", plain),
    ("state", "/state", plain),
    ("since", "/state_since", plain),
    ("trouble", "/state_reason", plain),
    ("group", "/group", plain),
    ("URI", "/uri", plain),
    ("addresses", "/addresses", plain),
    ("transport", "/transport", plain),
    ("verified", "/tls", verified),
    ("information", "/info", plain),
    ("profile", "/profile", plain),
    ("codecs", "/codecs", plain),
    ("SRTP", "/srtp", plain),
    ("SRTP suites", "/srtp_suites", plain),
    ("recording", "/recordings/recording", plain),
    ("connecting", "/recordings/connecting", plain),
    ("retrying", "/recordings/retrying", plain),
    ("failed", "/recordings/failed", plain),
    ("last accepted", "/last_established", plain),
    ("last failed", "/last_failure", plain),
    ("last error", "/last_error", plain),
];

const STEPS: &[Column] = &[
    ("STEP", "/step", plain),
    ("RESULT", "/result", plain),
    ("WHAT WAS FOUND", "/detail", plain),
];

const CERTIFICATE: &[Column] = &[
    ("certificate", "/subject", plain),
    ("issued by", "/issuer", plain),
    ("valid from", "/not_before", plain),
    ("valid until", "/not_after", plain),
    ("names", "/names", plain),
];

const SETTINGS: &[Column] = &[
    ("SETTING", "/name", plain),
    ("VALUE", "/value", plain),
    ("SET BY", "/set_by", plain),
];

/// Runs one of the commands.
pub(crate) fn run(session: &mut Session<'_, '_>, command: RecorderCommand) -> Result<(), Failure> {
    match command {
        RecorderCommand::Look(ListCommand::List) => session.show_list("recorders", COLUMNS),
        RecorderCommand::Look(ListCommand::Show { id }) => {
            let path = format!("/v1/recorders/{}", segment(&id));
            session.show_facts_and_table(&path, FACTS, ("settings", SETTINGS))
        }
        RecorderCommand::Test { id } => test(session, &id),
    }
}

/// What works with a recorder.
fn test(session: &mut Session<'_, '_>, id: &str) -> Result<(), Failure> {
    let path = format!("/v1/recorders/{}/test", segment(id));
    let body = granted(session.client.post(&path))?;
    session.output.show(&body, |output| show(output, &body))?;
    if body["ok"] == true {
        Ok(())
    } else {
        Err(Failure::Degraded)
    }
}

fn show(output: &mut Output<'_>, body: &Value) -> io::Result<()> {
    output.table("steps", &body["steps"], STEPS)?;
    let chain = body["tls"]["chain"].as_array().into_iter().flatten();
    for certificate in chain {
        output.line("")?;
        output.facts(certificate, CERTIFICATE)?;
    }
    Ok(())
}

/// Whose certificate a recorder must show.
fn verified(tls: &Value) -> String {
    match tls["verify"].as_bool() {
        Some(true) => format!("as {}", plain(&tls["server_name"])),
        Some(false) => "NO: tls.verify = false".to_owned(),
        None => String::new(),
    }
}
