//! `sixreel recorder …`

use super::Session;
use crate::cli::ListCommand;
use crate::client::segment;
use crate::failure::Failure;
use crate::output::{Column, plain};

const COLUMNS: &[Column] = &[
    ("RECORDER", "/id", plain),
    ("URI", "/uri", plain),
    ("TRANSPORT", "/transport", plain),
    ("INFO", "/info", plain),
    ("RECORDING", "/recordings/recording", plain),
    ("CONNECTING", "/recordings/connecting", plain),
    ("RETRYING", "/recordings/retrying", plain),
    ("FAILED", "/recordings/failed", plain),
    ("LAST ERROR", "/last_error", plain),
];

const FACTS: &[Column] = &[
    ("recorder", "/id", plain),
    ("URI", "/uri", plain),
    ("transport", "/transport", plain),
    ("information", "/info", plain),
    ("profile", "/profile", plain),
    ("codecs", "/codecs", plain),
    ("recording", "/recordings/recording", plain),
    ("connecting", "/recordings/connecting", plain),
    ("retrying", "/recordings/retrying", plain),
    ("failed", "/recordings/failed", plain),
    ("last accepted", "/last_established", plain),
    ("last failed", "/last_failure", plain),
    ("last error", "/last_error", plain),
];

const SETTINGS: &[Column] = &[
    ("SETTING", "/name", plain),
    ("VALUE", "/value", plain),
    ("SET BY", "/set_by", plain),
];

/// Runs one of the commands.
pub(crate) fn run(session: &mut Session<'_, '_>, command: ListCommand) -> Result<(), Failure> {
    match command {
        ListCommand::List => session.show_list("recorders", COLUMNS),
        ListCommand::Show { id } => {
            let path = format!("/v1/recorders/{}", segment(&id));
            session.show_facts_and_table(&path, FACTS, ("settings", SETTINGS))
        }
    }
}
