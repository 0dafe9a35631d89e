//! One INVITE session as its user sees it: from the first INVITE to the last retransmission.
//!
//! Each file adds one part of its life to [`Session`]; this one routes what comes in to them.

use std::sync::Arc;
use std::time::Instant;

use super::content::Content;
use super::dialog::{Dialog, Us};
use super::flow::Flow;
use super::local::{Local, Options};
use super::message::{Message, Response};
use super::output::{Failure, Output, RequestId};
use super::transaction::Heard;
use super::transaction::client::Client;
use super::transaction::client_invite::ClientInvite;
use super::transaction::server::Server;
use super::transaction::server_invite::ServerInvite;
use crate::random::Random;
use called::Called;
use calling::Calling;
use compose::Way;
use ending::Bye;
use established::Established;

/// The peer's first INVITE, until it is answered.
mod called;
/// Our first INVITE, until it is answered or given up.
mod calling;
/// Requests and 2xx as they are put together, and the transport that each takes.
mod compose;
/// CANCEL and BYE: how a session ends.
mod ending;
/// What an established session holds.
mod established;
/// Our requests within the dialog, one at a time.
mod jobs;
/// The peer's requests within the dialog.
mod requests;
/// Whole sessions in virtual time.
#[cfg(test)]
mod scenarios;

/// As many transactions of one kind are kept at once. The oldest of those that only wait for
/// echoes make room.
const TRANSACTIONS_MAX: usize = 8;
/// As many answers from different places to one INVITE are taken.
const LEGS_MAX: usize = 8;

/// An INVITE session.
#[derive(Debug)]
pub struct Session {
    local: Arc<Local>,
    options: Options,
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

/// An INVITE of ours.
#[derive(Debug)]
struct OurInvite {
    transaction: ClientInvite,
    /// Whether it has no To tag: each 2xx makes a dialog of its own.
    first: bool,
    cancelled: bool,
    /// Who accepted it, and how that was acknowledged.
    legs: Vec<Leg>,
}

/// One acceptance of an INVITE of ours.
#[derive(Debug)]
struct Leg {
    tag: Option<String>,
    flow: Flow,
    ack: Vec<u8>,
}

/// Another request of ours.
#[derive(Debug)]
struct OurRequest {
    client: Client,
    purpose: Purpose,
}

/// What a request of ours is for.
#[derive(Debug)]
enum Purpose {
    Cancel,
    Bye(Box<Bye>),
    /// The job in flight, if it still is.
    Job,
}

/// An INVITE of theirs.
#[derive(Debug)]
struct TheirInvite {
    transaction: ServerInvite,
    id: RequestId,
}

impl Session {
    fn new(local: &Arc<Local>, options: Options, random: Random, us: Us, way: Way) -> Self {
        Self {
            local: Arc::clone(local),
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
        let invites = self
            .invites
            .iter()
            .filter_map(|our| our.transaction.deadline());
        let clients = self.clients.iter().filter_map(|our| our.client.deadline());
        let theirs = self
            .server_invites
            .iter()
            .filter_map(|their| their.transaction.deadline());
        let servers = self.servers.iter().filter_map(Server::deadline);
        let transactions = invites.chain(clients).chain(theirs).chain(servers);
        let stage = match &self.stage {
            Stage::Calling(calling) => Some((calling.budget, Reason::Budget)),
            Stage::Established(established) => established.deadline(),
            Stage::Called(_) | Stage::Ending { .. } | Stage::Ended { .. } => None,
        };
        transactions
            .map(|at| (at, Reason::Transaction))
            .chain(stage)
            .min()
    }

    fn on_response(&mut self, response: Response, now: Instant, out: &mut Vec<Output>) {
        let Ok(identity) = response.headers.identity() else {
            return;
        };
        // RFC 3261 §17.1.3: the branch and the method tell the transaction.
        let branch = identity.via.branch();
        if identity.cseq.method == rsip::Method::Invite {
            let found = self.invites.iter_mut().position(|our| {
                branch == Some(&our.transaction.branch)
                    && our.transaction.number == identity.cseq.number
            });
            let Some(at) = found else { return };
            if let Some(heard) = self.invites[at].transaction.handle(&response, now, out) {
                self.on_invite_response(at, heard, response, now, out);
            }
        } else {
            let found = self
                .clients
                .iter()
                .position(|our| branch == Some(&our.client.branch));
            let Some(at) = found else { return };
            if let Some(heard) = self.clients[at].client.handle(&response.status, now) {
                self.on_client_response(at, heard, response, now, out);
            }
        }
    }

    fn on_deadline(&mut self, now: Instant, out: &mut Vec<Output>) {
        // What an event adds to these lists is due later: the lengths are taken before.
        for at in 0..self.invites.len() {
            if let Some(failure) = self.invites[at].transaction.on_deadline(now, out) {
                self.on_invite_failed(at, failure, now, out);
            }
        }
        for at in 0..self.clients.len() {
            if let Some(failure) = self.clients[at].client.on_deadline(now, out) {
                self.on_client_failed(at, failure, now, out);
            }
        }
        for at in 0..self.server_invites.len() {
            if self.server_invites[at]
                .transaction
                .on_deadline(now, out)
                .is_some()
            {
                self.on_unacknowledged(now, out);
            }
        }
        for server in &mut self.servers {
            server.on_deadline(now);
        }
        match &self.stage {
            Stage::Calling(calling) if calling.budget <= now => self.on_budget(now, out),
            Stage::Established(_) => self.on_established_deadline(now, out),
            Stage::Calling(_) | Stage::Called(_) | Stage::Ending { .. } | Stage::Ended { .. } => {}
        }
    }

    /// The network says that nobody is at that flow's other end.
    fn on_unreachable(&mut self, flow: Flow, now: Instant, out: &mut Vec<Output>) {
        for at in 0..self.invites.len() {
            let transaction = &self.invites[at].transaction;
            if transaction.flow == flow && transaction.is_waiting() {
                self.on_invite_failed(at, Failure::Unreachable, now, out);
            }
        }
        for at in 0..self.clients.len() {
            let client = &mut self.clients[at].client;
            if client.flow == flow && client.is_waiting() {
                client.abort();
                self.on_client_failed(at, Failure::Unreachable, now, out);
            }
        }
    }

    fn on_client_response(
        &mut self,
        at: usize,
        heard: Heard,
        response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let OurRequest { client, purpose } = &self.clients[at];
        match (purpose, heard) {
            (Purpose::Cancel, _) | (Purpose::Bye(_), Heard::Provisional) => {}
            (Purpose::Bye(bye), Heard::Success | Heard::Refusal) if bye.main => {
                self.confirm_end(true, out);
            }
            (Purpose::Bye(_), Heard::Success | Heard::Refusal) => {}
            (Purpose::Job, _) => {
                let branch = client.branch.clone();
                self.on_job_response(&branch, heard, response, now, out);
            }
        }
    }

    fn on_client_failed(
        &mut self,
        at: usize,
        failure: Failure,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let OurRequest { client, purpose } = &mut self.clients[at];
        match purpose {
            Purpose::Cancel => {}
            Purpose::Bye(bye) => {
                let bye = (**bye).clone();
                self.on_bye_failed(bye, failure, now, out);
            }
            Purpose::Job => {
                let branch = client.branch.clone();
                self.on_job_failed(&branch, failure, now, out);
            }
        }
    }

    /// Drops what is over, and the oldest of what only waits for echoes where there is too much.
    fn sweep(&mut self) {
        self.invites.retain(|our| !our.transaction.is_over());
        self.clients.retain(|our| !our.client.is_over());
        self.server_invites
            .retain(|their| !their.transaction.is_over());
        self.servers.retain(|server| !server.is_over());
        bound(&mut self.invites, |our| our.transaction.is_waiting());
        bound(&mut self.clients, |our| our.client.is_waiting());
        bound(&mut self.server_invites, |their| {
            their.transaction.is_waiting()
        });
        bound(&mut self.servers, Server::is_waiting);
    }
}

fn bound<T>(transactions: &mut Vec<T>, is_waiting: fn(&T) -> bool) {
    while transactions.len() > TRANSACTIONS_MAX {
        let Some(oldest) = transactions.iter().position(|one| !is_waiting(one)) else {
            return;
        };
        transactions.remove(oldest);
    }
}
