//! The SIP sockets of both address families.

use std::time::Instant;

use mio::event::Event;
use mio::{Registry, Token};

use super::setup::StartError;
use crate::config;
use crate::sip::flow::Flow;
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
        Ok(Self(all))
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
        let mut all = self.0.iter_mut();
        let is_v4 = flow.remote.is_ipv4();
        match all.find(|one| one.address().is_ipv4() == is_v4) {
            Some(transport) => transport.send(flow, message, now),
            None => tracing::debug!(remote = %flow.remote, "no SIP address of that family"),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(Transport::deadline).min()
    }
}
