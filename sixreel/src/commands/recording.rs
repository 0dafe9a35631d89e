//! `sixreel recording …`

use super::Session;
use crate::cli::ListCommand;
use crate::client::segment;
use crate::failure::Failure;
use crate::output::{Column, gaps, gaps_and_why, plain};

/// Recordings in a table.
pub(super) const COLUMNS: &[Column] = &[
    ("RECORDING", "/id", plain),
    ("CALL", "/call", plain),
    ("RECORDER", "/recorder", plain),
    ("STATE", "/state", plain),
    ("SINCE", "/since", plain),
    ("CODEC", "/codec", plain),
    ("PACKETS", "/packets", plain),
    ("LOST", "/report/lost", plain),
    ("ATTEMPTS", "/attempts", plain),
    ("GAPS", "/gaps", gaps),
    ("ERROR", "/error", plain),
];

const FACTS: &[Column] = &[
    ("recording", "/id", plain),
    ("call", "/call", plain),
    ("recorder", "/recorder", plain),
    ("state", "/state", plain),
    ("since", "/since", plain),
    ("established", "/established", plain),
    ("attempts", "/attempts", plain),
    ("error", "/error", plain),
    ("next attempt", "/next_attempt", plain),
    ("SIP Call-ID", "/sip_call_id", plain),
    ("transport", "/transport", plain),
    ("codec", "/codec", plain),
    ("RTP from", "/local", plain),
    ("RTP to", "/remote", plain),
    ("packets", "/packets", plain),
    ("bytes", "/bytes", plain),
    ("lost", "/report/lost", plain),
    ("lost now, %", "/report/fraction_lost_percent", plain),
    ("jitter, ms", "/report/jitter_ms", plain),
    ("round trip, ms", "/report/round_trip_ms", plain),
    ("gaps", "/gaps", gaps_and_why),
];

/// Runs one of the commands.
pub(crate) fn run(session: &mut Session<'_, '_>, command: ListCommand) -> Result<(), Failure> {
    match command {
        ListCommand::List => session.show_list("recordings", COLUMNS),
        ListCommand::Show { id } => {
            let path = format!("/v1/recordings/{}", segment(&id));
            session.show_facts(&path, FACTS)
        }
    }
}
