//! The SIP sockets of both address families.

use std::net::SocketAddr;
use std::time::Instant;

use mio::event::Event;
use mio::{Registry, Token};

use super::setup::StartError;
use crate::config;
use crate::random::Random;
use crate::sip::flow::Flow;
use crate::tls::Tls;
use crate::transport::{self, Received, Transport};

/// A transport for each family that we have.
#[derive(Debug)]
pub(super) struct Sockets(Vec<Transport>);

impl Sockets {
    /// Tokens that are used, from the first one on.
    pub(super) const TOKENS: usize = 2 * transport::TOKENS;

    /// Listens at each of our addresses.
    pub(super) fn bind(
        sip: &config::Sip,
        registry: &Registry,
        first_token: Token,
    ) -> Result<Self, StartError> {
        let first = Transport::bind(sip.address, registry, first_token).map_err(StartError::Sip)?;
        let mut all = vec![first];
        if let Some(other) = sip.other_address {
            let token = Token(first_token.0 + transport::TOKENS);
            let bound = Transport::bind(other, registry, token);
            all.push(bound.map_err(StartError::OtherSip)?);
        }
        let mut sockets = Self(all);
        if let Some(address) = sip.tls_address
            && let Some(transport) = sockets.of_family(address)
        {
            transport.bind_tls(address).map_err(StartError::SipTls)?;
        }
        Ok(sockets)
    }

    /// Makes connections with `tls` from now on; those that are there stay as they are.
    pub(super) fn set_tls(&mut self, tls: &Tls) {
        for transport in &mut self.0 {
            transport.set_tls(tls.clone());
        }
    }

    /// Takes what is random from `random`.
    pub(super) fn seed(&mut self, random: &mut Random) {
        for transport in &mut self.0 {
            transport.seed(random.fork());
        }
    }

    /// Notes an event of one of the tokens.
    pub(super) fn handle(&mut self, event: &Event) {
        let mut all = self.0.iter_mut();
        if let Some(transport) = all.find(|one| one.has(event.token())) {
            transport.handle(event);
        }
    }

    /// Takes what has come.
    pub(super) fn serve(&mut self, now: Instant, out: &mut Vec<Received>) {
        for transport in &mut self.0 {
            transport.serve(now, out);
        }
    }

    /// Sends by the transport of the peer's family. Without one, nothing arrives there.
    pub(super) fn send(&mut self, flow: Flow, message: &[u8], now: Instant) {
        match self.of_family(flow.remote) {
            Some(transport) => transport.send(flow, message, now),
            None => tracing::debug!(remote = %flow.remote, "no SIP address of that family"),
        }
    }

    /// Closes the connection of that flow, if there is one.
    pub(super) fn close(&mut self, flow: Flow, now: Instant) {
        if let Some(transport) = self.of_family(flow.remote) {
            transport.close(flow, now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(Transport::deadline).min()
    }

    fn of_family(&mut self, address: SocketAddr) -> Option<&mut Transport> {
        let mut all = self.0.iter_mut();
        all.find(|one| one.address().is_ipv4() == address.is_ipv4())
    }
}
