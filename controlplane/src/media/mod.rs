//! What calls have of the data plane: places, port pairs, and the commands that they give.

/// The places of one data-plane table.
mod handles;

use std::net::{IpAddr, SocketAddr};

use sixreel_dataplane::api::{
    self, AllowedRemote, CallId, Command, Handle, SinkFlow, SinkSpec, SourceSpec, StreamId,
};

use self::handles::Handles;
use crate::sdp;

/// Every worker's tables as the control plane keeps them, and the commands that wait to be given.
#[derive(Debug)]
pub struct Media {
    /// Each of another family.
    addresses: Vec<IpAddr>,
    /// Pairs of ports that a worker has at each address.
    pairs: u32,
    workers: Vec<Worker>,
    commands: Vec<(usize, Command)>,
}

/// A call's place on a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    worker: usize,
    call: CallId,
}

/// A source or a sink on a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    worker: usize,
    id: StreamId,
}

#[derive(Debug)]
struct Worker {
    first_port: u16,
    calls: Handles,
    /// Those of each address.
    streams: Vec<Handles>,
    /// The call whose stream took each place last.
    owners: Vec<(Handle, u64)>,
}

impl Media {
    /// `workers` workers, each with room for `calls` calls and with `pairs` pairs of ports at each
    /// of `addresses`, one after the other from `first_port` on.
    pub fn new(
        addresses: Vec<IpAddr>,
        workers: usize,
        calls: u32,
        first_port: u16,
        pairs: u32,
    ) -> Self {
        const NOBODY: (Handle, u64) = (
            Handle {
                index: 0,
                generation: 0,
            },
            0,
        );
        let worker = |number: usize| Worker {
            first_port: first_port + (number as u32 * pairs * 2) as u16,
            calls: Handles::new(0, calls),
            streams: (0..addresses.len() as u32)
                .map(|family| Handles::new(family * pairs, pairs))
                .collect(),
            owners: vec![NOBODY; addresses.len() * pairs as usize],
        };
        Self {
            pairs,
            workers: (0..workers).map(worker).collect(),
            commands: Vec::new(),
            addresses,
        }
    }

    /// Takes a place for a call on the worker that has the fewest.
    pub fn open_call(&mut self) -> Option<Place> {
        let workers = self.workers.iter_mut().enumerate();
        let (worker, table) = workers.min_by_key(|(_, worker)| worker.calls.taken())?;
        let call = CallId(table.calls.take()?);
        self.commands.push((worker, Command::OpenCall { call }));
        Some(Place { worker, call })
    }

    /// Gives a call's place back, when all its streams were closed.
    pub fn close_call(&mut self, place: Place) {
        self.workers[place.worker].calls.give(place.call.0);
        let command = Command::CloseCall { call: place.call };
        self.commands.push((place.worker, command));
    }

    /// Takes a pair of ports for a source of the call at `place`, at an address of the family that
    /// it comes from; `owner` names the call in what is heard of it. `None` where all pairs are
    /// taken.
    pub fn open_source(&mut self, place: Place, owner: u64, spec: SourceSpec) -> Option<Stream> {
        let remote = match spec.remote {
            AllowedRemote::First => None,
            AllowedRemote::Address(ip) => Some(ip),
            AllowedRemote::Exact(address) => Some(address.ip()),
        };
        let source = self.take_stream(place, owner, remote)?;
        let command = Command::OpenSource {
            call: place.call,
            source: source.id,
            spec,
        };
        self.commands.push((source.worker, command));
        Some(source)
    }

    /// Keeps a source out of the mix, or lets it in again.
    pub fn mute_source(&mut self, source: Stream, muted: bool) {
        let command = Command::MuteSource {
            source: source.id,
            muted,
        };
        self.commands.push((source.worker, command));
    }

    /// Gives a source's ports back.
    pub fn close_source(&mut self, source: Stream) {
        self.give_stream(source);
        let command = Command::CloseSource { source: source.id };
        self.commands.push((source.worker, command));
    }

    /// Takes a pair of ports for a sink of the call at `place`, at an address of the family of
    /// `remote`, where we have one.
    pub fn open_sink(
        &mut self,
        place: Place,
        owner: u64,
        remote: IpAddr,
        spec: SinkSpec,
    ) -> Option<Stream> {
        let sink = self.take_stream(place, owner, Some(remote))?;
        let command = Command::OpenSink {
            call: place.call,
            sink: sink.id,
            spec,
        };
        self.commands.push((sink.worker, command));
        Some(sink)
    }

    /// Lets a sink send as it was agreed on, or be silent where nothing may be sent.
    pub fn set_sink(&mut self, sink: Stream, agreed: Option<&sdp::Accepted>) {
        let command = match agreed {
            Some(agreed) => Command::SetSink {
                sink: sink.id,
                flow: flow(agreed),
            },
            None => Command::StopSink { sink: sink.id },
        };
        self.commands.push((sink.worker, command));
    }

    /// Gives a sink's ports back.
    pub fn close_sink(&mut self, sink: Stream) {
        self.give_stream(sink);
        let command = Command::CloseSink { sink: sink.id };
        self.commands.push((sink.worker, command));
    }

    /// The address and port that a stream's RTP comes from or goes to.
    pub fn local(&self, stream: Stream) -> SocketAddr {
        let (family, pair) = (
            stream.id.0.index / self.pairs,
            stream.id.0.index % self.pairs,
        );
        let port = self.workers[stream.worker].first_port + (pair * 2) as u16;
        SocketAddr::new(self.addresses[family as usize], port)
    }

    /// The stream that a worker speaks of, and the call that has or had it.
    pub fn owner(&self, worker: usize, id: StreamId) -> Option<(Stream, u64)> {
        let (handle, owner) = *self.workers.get(worker)?.owners.get(id.0.index as usize)?;
        (handle == id.0).then_some((Stream { worker, id }, owner))
    }

    /// The commands that wait, each with its worker, oldest first.
    pub fn take_commands(&mut self) -> impl Iterator<Item = (usize, Command)> {
        self.commands.drain(..)
    }

    /// Calls and streams that have places now.
    pub fn taken(&self) -> (usize, usize) {
        let workers = self.workers.iter();
        workers.fold((0, 0), |(calls, streams), worker| {
            (
                calls + worker.calls.taken(),
                streams + worker.streams.iter().map(Handles::taken).sum::<usize>(),
            )
        })
    }

    fn give_stream(&mut self, stream: Stream) {
        let family = stream.id.0.index / self.pairs;
        self.workers[stream.worker].streams[family as usize].give(stream.id.0);
    }

    fn take_stream(&mut self, place: Place, owner: u64, remote: Option<IpAddr>) -> Option<Stream> {
        let mut ours = self.addresses.iter();
        let family = remote.and_then(|ip| ours.position(|ours| ours.is_ipv4() == ip.is_ipv4()));
        let worker = &mut self.workers[place.worker];
        let handle = worker.streams[family.unwrap_or(0)].take()?;
        worker.owners[handle.index as usize] = (handle, owner);
        Some(Stream {
            worker: place.worker,
            id: StreamId(handle),
        })
    }
}

/// What was agreed on, in the data plane's words.
fn flow(agreed: &sdp::Accepted) -> SinkFlow {
    SinkFlow {
        remote: agreed.remote,
        rtcp: match agreed.rtcp {
            sdp::RtcpRemote::Mux => api::RtcpRemote::Mux,
            sdp::RtcpRemote::At(remote) => api::RtcpRemote::At(remote),
        },
        codec: match agreed.codec {
            sdp::Codec::Pcmu => api::Codec::Pcmu,
            sdp::Codec::Pcma => api::Codec::Pcma,
        },
        payload_type: agreed.payload_type,
        sending: agreed.sending,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use sixreel_dataplane::api::Cname;

    use super::*;

    fn spec() -> SinkSpec {
        SinkSpec {
            ssrc: 1,
            sequence: 2,
            timestamp: 3,
            cname: Cname::new("c").unwrap(),
            csrc: true,
            rtcp_seed: 4,
        }
    }

    fn media() -> Media {
        Media::new(vec![V4], 2, 2, 20_000, 2)
    }

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    #[test]
    fn a_sink_is_of_the_family_that_it_sends_to_and_of_ours_where_we_have_one() {
        let mut media = Media::new(vec![V4, V6], 1, 1, 20_000, 2);
        let place = media.open_call().unwrap();
        let mut opened = |to| {
            let sink = media.open_sink(place, 1, to, spec())?;
            assert_eq!(media.owner(sink.worker, sink.id), Some((sink, 1)));
            Some((sink, media.local(sink)))
        };
        let v6: Vec<_> = std::iter::from_fn(|| opened(V6)).collect();
        let local = |port| SocketAddr::new(V6, port);
        assert_eq!(
            v6.iter().map(|(_, at)| *at).collect::<Vec<_>>(),
            [local(20_000), local(20_002)]
        );
        let (_, v4) = opened(V4).unwrap();
        assert_eq!(v4, SocketAddr::new(V4, 20_000));
        media.close_sink(v6[1].0);
        assert_eq!(media.taken(), (1, 2));
        let again = media.open_sink(place, 1, V6, spec()).unwrap();
        assert_eq!(media.local(again), local(20_002));
        let mut one = Media::new(vec![V4], 1, 1, 20_000, 2);
        let place = one.open_call().unwrap();
        let sink = one.open_sink(place, 1, V6, spec()).unwrap();
        assert_eq!(one.local(sink).ip(), V4);
    }

    #[test]
    fn calls_go_to_the_worker_with_the_fewest_and_no_port_is_shared() {
        let mut media = media();
        let places: Vec<_> = std::iter::from_fn(|| media.open_call()).collect();
        let workers: Vec<_> = places.iter().map(|place| place.worker).collect();
        assert_eq!(workers, [0, 1, 0, 1]);
        let mut ports = Vec::new();
        for place in places {
            let sink = media.open_sink(place, 7, V4, spec()).unwrap();
            ports.push(media.local(sink).port());
            assert_eq!(media.owner(sink.worker, sink.id), Some((sink, 7)));
        }
        assert_eq!(ports, [20_000, 20_004, 20_002, 20_006]);
        assert_eq!(media.taken(), (4, 4));
    }

    #[test]
    fn a_stream_that_is_gone_is_known_until_its_place_is_taken() {
        let mut media = media();
        let place = media.open_call().unwrap();
        let first = media.open_sink(place, 1, V4, spec()).unwrap();
        media.open_sink(place, 2, V4, spec()).unwrap();
        assert_eq!(media.open_sink(place, 3, V4, spec()), None);
        media.close_sink(first);
        assert_eq!(media.owner(first.worker, first.id), Some((first, 1)));
        let second = media.open_sink(place, 4, V4, spec()).unwrap();
        assert_eq!(media.local(second), media.local(first));
        assert_eq!(media.owner(first.worker, first.id), None);
        assert_eq!(media.owner(second.worker, second.id), Some((second, 4)));
        assert_eq!(media.take_commands().count(), 5);
    }
}
