//! What one turn of the engine hands down to calls and recordings, and what they hand back.

use std::net::SocketAddr;
use std::sync::Arc;

use sixreel_dataplane::api::Command;

use crate::control::reply::{Reply, Ticket};
use crate::control::request::Name;
use crate::control::view::{EventKind, EventView};
use crate::group::Group;
use crate::locate::Query;
use crate::media::Media;
use crate::random::Random;
use crate::reach::Reach;
use crate::sip::flow::Flow;
use crate::sip::local::{Local, of_family};
use crate::time::Now;

/// What is to be done outside of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a SIP message.
    Transmit { flow: Flow, bytes: Vec<u8> },
    /// Close the connection of a flow, if there is one.
    Close { flow: Flow },
    /// Give a data-plane worker a command.
    Media { worker: usize, command: Command },
    /// Answer a request of the control interface.
    Reply { ticket: Ticket, reply: Reply },
    /// Tell everybody who listens for events.
    Tell(EventView),
    /// Find a recorder's servers, and come back with `Input::Resolved`.
    Resolve { recorder: usize, query: Query },
}

/// What is the same for all calls.
#[derive(Debug)]
pub struct Site {
    /// Who we are in SIP, in each address family that we have.
    pub sip: Vec<Arc<Local>>,
    /// Of which recorders some are enough.
    pub groups: Vec<Group>,
    /// The domain of participants that come with a bare extension.
    pub domain: String,
    /// A secure call is not recorded in clear.
    pub require_secure_if_cs_secure: bool,
    /// Participants of one call.
    pub participants_per_call: usize,
    /// Sources of one call.
    pub sources_per_call: usize,
}

/// One turn: time, randomness, tables, and where results go.
pub struct Turn<'a> {
    pub now: Now,
    pub site: &'a Site,
    /// Where each recorder is, and how it fares.
    pub reach: &'a mut Reach,
    pub media: &'a mut Media,
    pub random: &'a mut Random,
    /// The identifier of the newest event.
    pub last_event: &'a mut u64,
    pub out: &'a mut Vec<Output>,
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    pub call: Option<&'a Name>,
    pub recording: Option<&'a Name>,
    pub recorder: Option<&'a Name>,
    pub source: Option<&'a Name>,
}

impl Site {
    /// Who we are towards `remote`.
    pub fn local(&self, remote: SocketAddr) -> &Arc<Local> {
        of_family(&self.sip, remote)
    }
}

impl Turn<'_> {
    /// Tells an event.
    pub fn tell(&mut self, kind: EventKind, subject: Subject<'_>, detail: Option<String>) {
        *self.last_event += 1;
        self.out.push(Output::Tell(EventView {
            id: *self.last_event,
            kind,
            time: self.now.wall.rfc3339(),
            call: subject.call.cloned(),
            recording: subject.recording.cloned(),
            recorder: subject.recorder.cloned(),
            source: subject.source.cloned(),
            detail,
        }));
    }

    /// Sends a SIP message.
    pub fn transmit(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.out.push(Output::Transmit { flow, bytes });
    }
}
