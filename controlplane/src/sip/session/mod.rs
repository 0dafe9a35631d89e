//! One INVITE session as its user sees it: from the first INVITE to the last retransmission.
//!
//! Each file adds one part of its life to `Session`; this one routes what comes in to them.

use std::sync::Arc;
use std::time::Instant;

use super::content::Content;
use super::dialog::{Dialog, Us};
use super::digest::Wallet;
use super::flow::Flow;
use super::local::{Local, Options};
use super::message::Message;
use super::output::Output;
use super::transaction::server::Server;
use crate::random::Random;
use called::Called;
use calling::Calling;
pub(super) use compose::{Way, branch};
use established::Established;
use transactions::{OurInvite, OurRequest, TheirInvite};

/// The peer's first INVITE, until it is answered.
mod called;
/// Our first INVITE, until it is answered or given up.
mod calling;
/// Requests and 2xx as they are put together, and the transport that each takes.
mod compose;
/// Provisional answers to our INVITEs, and their acknowledgement.
mod early;
/// CANCEL and BYE: how a session ends.
mod ending;
/// What an established session holds.
mod established;
/// What becomes of our INVITEs: of the first, and of those within the dialog.
mod invites;
/// Our requests within the dialog, one at a time.
mod jobs;
/// INVITE and UPDATE of the peer within the dialog.
mod offers;
/// Our requests that wait, and the one that is in flight.
mod queue;
/// Where a redirection leads.
mod redirection;
/// The peer's requests, and whatever else carries our Call-ID.
mod requests;
/// Whole sessions in virtual time.
#[cfg(test)]
mod scenarios;
/// The transactions of a session, and what their events mean to it.
mod transactions;

/// An INVITE session.
#[derive(Debug)]
pub struct Session {
    local: Arc<Local>,
    options: Options,
    wallet: Wallet,
    random: Random,
    us: Us,
    /// Whether we sent the first INVITE, and so own the Call-ID.
    caller: bool,
    way: Way,
    stage: Stage,
    /// How many of their requests were offered so far.
    offered: u32,
    invites: Vec<OurInvite>,
    clients: Vec<OurRequest>,
    server_invites: Vec<TheirInvite>,
    servers: Vec<Server>,
}

/// What comes to a session.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message with the session's Call-ID.
    Received {
        /// By which transport, and from whom.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// The transport tells that nothing reaches that peer: a TCP connection could not be opened or
    /// died, or ICMP says so.
    Unreachable {
        /// The peer.
        flow: Flow,
    },
    /// The deadline has come.
    Deadline,
}

/// Why a session wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A retransmission, or the end of a transaction.
    Transaction,
    /// Our first INVITE has had its time.
    Budget,
    /// A request may be sent again after glare.
    Glare,
    /// A re-INVITE that does not come to an end is cancelled.
    Cancel,
    /// The session timer: a refresh, or the end.
    SessionTimer,
}

/// Where a session stands.
#[derive(Debug)]
enum Stage {
    /// Our first INVITE has no final answer.
    Calling(Box<Calling>),
    /// Their first INVITE has no final answer.
    Called(Box<Called>),
    /// There is a dialog.
    Established(Box<Established>),
    /// We are ending it, and its user was not yet told how that went.
    Ending {
        dialog: Option<Dialog>,
        /// What a BYE says, should a 2xx still come.
        farewell: Content,
    },
    /// Its user knows the end. What is left are transactions.
    Ended { dialog: Option<Dialog> },
}

impl Session {
    fn new(local: &Arc<Local>, options: Options, random: Random, us: Us, way: Way) -> Self {
        Self {
            local: Arc::clone(local),
            wallet: Wallet::new(options.credentials.clone()),
            options,
            random,
            us,
            caller: true,
            way,
            stage: Stage::Ended { dialog: None },
            offered: 0,
            invites: Vec::new(),
            clients: Vec::new(),
            server_invites: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// The Call-ID of every message of this session.
    pub fn call_id(&self) -> &str {
        &self.us.call_id
    }

    /// Whether there is nothing more to send, to receive or to wait for: it may be dropped.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ended { .. })
            && self.invites.is_empty()
            && self.clients.is_empty()
            && self.server_invites.is_empty()
            && self.servers.is_empty()
    }

    /// Takes what has come.
    pub fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Output>) {
        match input {
            Input::Received {
                flow,
                message: Message::Request(request),
            } => {
                self.on_request(request, flow, now, out);
            }
            Input::Received {
                message: Message::Response(response),
                ..
            } => {
                self.on_response(response, now, out);
            }
            Input::Unreachable { flow } => self.on_unreachable(flow, now, out),
            Input::Deadline => self.on_deadline(now, out),
        }
        self.sweep();
    }

    /// When it wants to be called, and why.
    pub fn deadline(&self) -> Option<(Instant, Reason)> {
        let stage = match &self.stage {
            Stage::Calling(calling) => Some((calling.budget, Reason::Budget)),
            Stage::Established(established) => established.deadline(),
            Stage::Called(_) | Stage::Ending { .. } | Stage::Ended { .. } => None,
        };
        let transactions = self.transactions_deadline();
        let transactions = transactions.map(|at| (at, Reason::Transaction));
        transactions.into_iter().chain(stage).min()
    }

    fn on_deadline(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.on_transactions_deadline(now, out);
        match &self.stage {
            Stage::Calling(calling) if calling.budget <= now => self.on_budget(now, out),
            Stage::Established(_) => self.on_established_deadline(now, out),
            Stage::Calling(_) | Stage::Called(_) | Stage::Ending { .. } | Stage::Ended { .. } => {}
        }
    }
}
