//! `sixreel call …`

/// Commands that change a call, and what they can be told.
mod change;
/// Calls as people see them.
mod show;

use clap::Subcommand;

use self::change::{InCall, JoinArgs, SetArgs, SourceArgs, SourceOf, StartArgs};
use super::Session;
use crate::client::segment;
use crate::failure::Failure;

/// What can be done with calls.
#[derive(Debug, Subcommand)]
pub(crate) enum CallCommand {
    /// List all calls
    List,
    /// Show a call with everything that belongs to it
    Show {
        /// The call's identifier
        call: String,
    },
    /// Begin a call, or replace its facts
    #[command(after_help = "Example:\n  sixreel call start 7 --console console-4 \
        --calling 'Calling Name <1000>' --called 2000 --called 'Called Name 2 <2001>'")]
    Start(StartArgs),
    /// Change some facts of a call
    #[command(after_help = "Example:\n  sixreel call set 7 --priority urgent --clear user")]
    Set(SetArgs),
    /// End a call
    Stop {
        /// The call's identifier
        call: String,
    },
    /// Hold back the audio of all recordings of a call
    Pause {
        /// The call's identifier
        call: String,
    },
    /// Let the audio of all recordings of a call through again
    Resume {
        /// The call's identifier
        call: String,
    },
    /// Let a participant join, or replace its facts
    #[command(after_help = "Example:\n  sixreel call join 7 alice --name Alice --number 1000")]
    Join(JoinArgs),
    /// Put a participant on hold
    Hold(InCall),
    /// Take a participant off hold
    Unhold(InCall),
    /// Let a participant leave, and its sources with it
    Leave(InCall),
    /// Open a source, and say where to send its RTP
    #[command(
        after_help = "Example:\n  sixreel call source 7 alice-audio --participant alice \
        --payload 0=PCMU --payload 101=telephone-event"
    )]
    Source(SourceArgs),
    /// Close a source
    Unsource(SourceOf),
}

/// Runs one of the commands.
pub(crate) fn run(session: &mut Session<'_, '_>, command: CallCommand) -> Result<(), Failure> {
    match command {
        CallCommand::List => show::list(session),
        CallCommand::Show { call } => show::show(session, &call),
        CallCommand::Start(args) => change::start(session, args),
        CallCommand::Set(args) => change::set(session, args),
        CallCommand::Stop { call } => change::stop(session, &call),
        CallCommand::Pause { call } => change::pause(session, &call),
        CallCommand::Resume { call } => change::resume(session, &call),
        CallCommand::Join(args) => change::join(session, args),
        CallCommand::Hold(who) => change::hold(session, &who),
        CallCommand::Unhold(who) => change::unhold(session, &who),
        CallCommand::Leave(who) => change::leave(session, &who),
        CallCommand::Source(args) => change::source(session, args),
        CallCommand::Unsource(which) => change::unsource(session, &which),
    }
}

fn path(call: &str) -> String {
    format!("/v1/calls/{}", segment(call))
}
