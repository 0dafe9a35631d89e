//! The transactions of a session, and what their events mean to it.

use std::time::Instant;

use rsip::Method;

use super::Session;
use super::early::{Early, Prack};
use super::ending::Bye;
use crate::sip::flow::Flow;
use crate::sip::message::Response;
use crate::sip::output::{Failure, Output, RequestId};
use crate::sip::transaction::Heard;
use crate::sip::transaction::client::Client;
use crate::sip::transaction::client_invite::ClientInvite;
use crate::sip::transaction::server::Server;
use crate::sip::transaction::server_invite::ServerInvite;

/// As many transactions of one kind are kept at once. The oldest of those that only wait for
/// echoes make room.
const TRANSACTIONS_MAX: usize = 8;
/// As many answers from different places to one INVITE are taken.
pub(super) const LEGS_MAX: usize = 8;

/// An INVITE of ours.
#[derive(Debug)]
pub(super) struct OurInvite {
    pub(super) transaction: ClientInvite,
    /// Whether it has no To tag: each 2xx makes a dialog of its own.
    pub(super) first: bool,
    /// Whether it went by TCP only because of its size.
    pub(super) by_size: bool,
    pub(super) cancelled: bool,
    /// Who works on it, and said so.
    pub(super) early: Vec<Early>,
    /// Who accepted it, and how that was acknowledged.
    pub(super) legs: Vec<Leg>,
}

impl OurInvite {
    /// What was just sent.
    pub(super) const fn new(transaction: ClientInvite, first: bool, by_size: bool) -> Self {
        Self {
            transaction,
            first,
            by_size,
            cancelled: false,
            early: Vec::new(),
            legs: Vec::new(),
        }
    }
}

/// One acceptance of an INVITE of ours.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) tag: Option<String>,
    pub(super) flow: Flow,
    pub(super) ack: Vec<u8>,
}

/// Another request of ours.
#[derive(Debug)]
pub(super) struct OurRequest {
    pub(super) client: Client,
    pub(super) purpose: Purpose,
    /// Whether it went by TCP only because of its size.
    pub(super) by_size: bool,
}

/// What a request of ours is for.
#[derive(Debug)]
pub(super) enum Purpose {
    Cancel,
    Bye(Box<Bye>),
    Prack(Box<Prack>),
    /// The job in flight, if it still is.
    Job,
}

/// An INVITE of theirs.
#[derive(Debug)]
pub(super) struct TheirInvite {
    pub(super) transaction: ServerInvite,
    pub(super) id: RequestId,
}

impl Session {
    /// A response has come.
    pub(super) fn on_response(&mut self, response: Response, now: Instant, out: &mut Vec<Output>) {
        let Ok(identity) = response.headers.identity() else {
            return;
        };
        // RFC 3261 §17.1.3: the branch and the method tell the transaction.
        let branch = identity.via.branch();
        if identity.cseq.method == Method::Invite {
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

    /// When a transaction wants to be called.
    pub(super) fn transactions_deadline(&self) -> Option<Instant> {
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
        invites.chain(clients).chain(theirs).chain(servers).min()
    }

    /// Does what is due in the transactions. What an event adds to the lists is due later: their
    /// lengths are taken before.
    pub(super) fn on_transactions_deadline(&mut self, now: Instant, out: &mut Vec<Output>) {
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
            let their = &mut self.server_invites[at].transaction;
            if their.on_deadline(now, out).is_some() {
                self.on_unacknowledged(now, out);
            }
        }
        for server in &mut self.servers {
            server.on_deadline(now);
        }
    }

    /// The network says that nobody is at that flow's other end. What was sent by a connection is
    /// sent once more by another, because one that was open may have died unnoticed.
    pub(super) fn on_unreachable(&mut self, flow: Flow, now: Instant, out: &mut Vec<Output>) {
        for at in 0..self.invites.len() {
            let OurInvite {
                transaction,
                by_size,
                ..
            } = &mut self.invites[at];
            let concerned = transaction.flow == flow && transaction.is_waiting();
            if concerned && (*by_size || !transaction.repeat(out)) {
                self.on_invite_failed(at, Failure::Unreachable, now, out);
            }
        }
        for at in 0..self.clients.len() {
            let OurRequest {
                client, by_size, ..
            } = &mut self.clients[at];
            let concerned = client.flow == flow && client.is_waiting();
            if concerned && (*by_size || !client.repeat(out)) {
                client.abort();
                self.on_client_failed(at, Failure::Unreachable, now, out);
            }
        }
        for their in &mut self.server_invites {
            their.transaction.on_unreachable(flow, out);
        }
        for server in &mut self.servers {
            server.on_unreachable(flow, out);
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
        let OurRequest {
            client, purpose, ..
        } = &self.clients[at];
        match (purpose, heard) {
            (Purpose::Cancel, _) | (Purpose::Bye(_), Heard::Provisional) => {}
            (Purpose::Prack(prack), Heard::Refusal) => {
                self.on_prack_refused((**prack).clone(), &response, now, out);
            }
            (Purpose::Prack(_), Heard::Provisional | Heard::Success) => {}
            (Purpose::Bye(bye), Heard::Success) if bye.main => self.confirm_end(true, out),
            (Purpose::Bye(_), Heard::Success) => {}
            (Purpose::Bye(bye), Heard::Refusal) => {
                self.on_bye_refused((**bye).clone(), &response, now, out);
            }
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
        let OurRequest {
            client,
            purpose,
            by_size,
        } = &self.clients[at];
        let falls_back = failure == Failure::Unreachable && *by_size;
        if falls_back {
            self.way.fall_back();
        }
        match purpose {
            Purpose::Cancel => {}
            Purpose::Prack(prack) if falls_back => self.send_prack((**prack).clone(), now, out),
            // Who does not get it refuses the INVITE in the end (RFC 3262 §3).
            Purpose::Prack(_) => {}
            Purpose::Bye(bye) => self.on_bye_failed((**bye).clone(), falls_back, now, out),
            Purpose::Job => {
                let branch = client.branch.clone();
                self.on_job_failed(&branch, failure, falls_back, now, out);
            }
        }
    }

    /// Drops what is over, and the oldest of what only waits for echoes where there is too much.
    pub(super) fn sweep(&mut self) {
        self.invites.retain(|our| !our.transaction.is_over());
        self.clients.retain(|our| !our.client.is_over());
        self.server_invites
            .retain(|their| !their.transaction.is_over());
        self.servers.retain(|server| !server.is_over());
        bound(&mut self.invites, |our| our.transaction.is_waiting());
        bound(&mut self.clients, |our| our.client.is_waiting());
        bound(&mut self.server_invites, |their| {
            their.transaction.is_waiting() || their.transaction.is_unacknowledged()
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
