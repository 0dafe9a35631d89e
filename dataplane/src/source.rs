//! One inbound stream: who may send it, whether it is heard, and what it sounds like.

use std::net::SocketAddr;

use crate::api::{AllowedRemote, Event, Payload, SourceSpec, SourceStats, StreamId};
use crate::codec;
use crate::codec::conceal::Concealer;
use crate::counters::Drop;
use crate::jitter::{Content, Incoming, Jitter, Piece, Wish};
use crate::period::{BLOCK, Block};
use crate::pool::Pool;
use crate::rtcp::says_bye;
use crate::time::Nanos;
use crate::wire::rtcp::Compound;
use crate::wire::rtp;

/// A source that sends nothing for so long may be fed from a new address.
const UNLATCH_AFTER: Nanos = Nanos::from_millis(3_000);
const SILENT_AFTER: Nanos = Nanos::from_millis(5_000);
const LOST_AFTER: Nanos = Nanos::from_millis(30_000);

/// So many unauthentic packets in a row, and no authentic one between them, are no accident.
const UNAUTHENTIC_MAX: u32 = 10;

/// Levels up to here are quiet in any company (-54 dBFS),
const QUIET: u16 = 64;
/// and so are those that are so many times smaller than what was heard before (18 dB).
const QUIETER: u16 = 8;

/// An inbound stream.
///
/// In this order in memory: what each packet and each period touches comes first, because with
/// thousands of sources none of it is in the cache when its turn comes.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Source {
    jitter: Jitter,
    latch: Option<SocketAddr>,
    ssrc: Option<u32>,
    /// When the newest packet came; before the first, when the source was opened.
    heard: Nanos,
    packets: u64,
    bytes: u64,
    csrc: u32,
    hearing: Hearing,
    news: News,
    muted: bool,
    /// Whether nothing is believed that is not protected.
    secure: bool,
    spoke: bool,
    /// The loudest sample since a correction of the delay began to wait for a quiet moment.
    loudest: u16,
    concealer: Concealer,
    spec: SourceSpec,
    id: StreamId,
    call: u32,
    /// An SSRC that showed up, and the sequence number that would confirm it.
    stranger: Option<(u32, u16)>,
    concealed_samples: u64,
    telephone_events: u64,
    doubts: Doubts,
}

/// What came that was not let through, although it claimed to be secure.
#[derive(Clone, Copy, Debug, Default)]
struct Doubts {
    unauthentic: u64,
    replayed: u64,
    /// Unauthentic packets since an authentic one came, and where the newest came from.
    in_a_row: u32,
    from: Option<SocketAddr>,
}

/// What a source sounds like in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sound {
    /// Silence: there is nothing to mix.
    Nothing,
    /// Only what was invented to cover a gap.
    Invented,
    /// Audio that was received.
    Heard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Sends,
    Silent,
    Lost,
}

/// What has happened between two periods and is still to be told.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    latched: bool,
    heard: bool,
}

impl Source {
    /// A source that waits for its first packet and plays its first period at `next_period`.
    pub(crate) fn new(
        id: StreamId,
        call: u32,
        spec: SourceSpec,
        secure: bool,
        (now, next_period): (Nanos, Nanos),
    ) -> Self {
        Self {
            id,
            call,
            spec,
            csrc: spec.csrc,
            muted: false,
            latch: None,
            ssrc: None,
            stranger: None,
            hearing: Hearing::Sends,
            heard: now,
            news: News::default(),
            jitter: Jitter::new(spec.jitter_max_ms, next_period),
            concealer: Concealer::new(),
            loudest: 0,
            spoke: false,
            packets: 0,
            bytes: 0,
            concealed_samples: 0,
            telephone_events: 0,
            secure,
            doubts: Doubts::default(),
        }
    }

    /// The call that it belongs to.
    pub(crate) const fn call(&self) -> u32 {
        self.call
    }

    /// Keeps it out of the mix, or lets it in. It is received all the same, so that it can be let
    /// in at once.
    pub(crate) const fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether it is kept out of the mix.
    pub(crate) const fn muted(&self) -> bool {
        self.muted
    }

    /// Its identifier in lists of contributors.
    pub(crate) const fn csrc(&self) -> u32 {
        self.csrc
    }

    /// Its identifier and canonical name, if it takes part in the mix and was ever heard in it.
    pub(crate) fn contributor(&self) -> Option<(u32, &[u8])> {
        (self.spoke && !self.muted).then(|| (self.csrc, self.spec.cname.as_bytes()))
    }

    /// Whether nothing is believed that is not protected.
    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Notes what became of a protected packet: nothing else is to be done with one that was not
    /// let through.
    pub(crate) fn judge(&mut self, outcome: Result<(), Drop>, from: SocketAddr) {
        let doubts = &mut self.doubts;
        match outcome {
            Ok(()) => doubts.in_a_row = 0,
            Err(Drop::Replay) => doubts.replayed += 1,
            Err(_) => {
                doubts.unauthentic += 1;
                doubts.in_a_row = doubts.in_a_row.saturating_add(1);
                if doubts.in_a_row == UNAUTHENTIC_MAX {
                    doubts.from = Some(from);
                }
            }
        }
    }

    /// Takes an RTP packet in, or says why not.
    pub(crate) fn receive(
        &mut self,
        packet: &rtp::Packet<'_>,
        from: SocketAddr,
        now: Nanos,
        pool: &mut Pool,
    ) -> Result<(), Drop> {
        let payload = packet.payload();
        let kind = self.spec.payloads.0[usize::from(packet.payload_type())];
        let kind = kind.ok_or(Drop::PayloadType)?;
        let content = match kind {
            Payload::Audio(codec) => Content::Audio {
                codec,
                payload,
                samples: codec::samples(codec, payload.len()).ok_or(Drop::PayloadSize)?,
            },
            Payload::TelephoneEvent | Payload::ComfortNoise => Content::Hush,
        };
        self.admit(packet, from, now, pool)?;
        self.heard = now;
        if self.hearing != Hearing::Sends {
            self.hearing = Hearing::Sends;
            self.news.heard = true;
        }
        let incoming = Incoming {
            sequence: packet.sequence(),
            timestamp: packet.timestamp(),
            content,
        };
        self.jitter.push(&incoming, now, pool)?;
        self.packets += 1;
        self.bytes += payload.len() as u64;
        self.telephone_events += u64::from(kind == Payload::TelephoneEvent);
        Ok(())
    }

    /// Takes RTCP in, or says why not. A BYE frees the latch: whoever sends next may do so from
    /// elsewhere.
    pub(crate) fn hear(&mut self, compound: &Compound<'_>, from: SocketAddr) -> Result<(), Drop> {
        let latch = self.latch.ok_or(Drop::Remote)?;
        if latch.ip() != from.ip() {
            return Err(Drop::Remote);
        }
        if self.ssrc.is_some_and(|ssrc| says_bye(compound, ssrc)) {
            self.latch = None;
        }
        Ok(())
    }

    /// Plays the period that is due at `at` into `out`, which means nothing where there is nothing
    /// to hear.
    pub(crate) fn play(&mut self, at: Nanos, out: &mut Block, pool: &mut Pool) -> Sound {
        self.jitter.begin(at);
        if self.jitter.is_idle() {
            return Sound::Nothing;
        }
        let sound = self.fill(out, pool);
        self.correct_delay(out, pool);
        self.spoke |= sound == Sound::Heard && !self.muted;
        sound
    }

    /// Tells what has happened since the period before.
    pub(crate) fn tell(&mut self, now: Nanos, mut event: impl FnMut(Event)) {
        let source = self.id;
        let news = std::mem::take(&mut self.news);
        if let (true, Some(remote), Some(ssrc)) = (news.latched, self.latch, self.ssrc) {
            event(Event::SourceLatched {
                source,
                remote,
                ssrc,
            });
        }
        if news.heard {
            event(Event::SourceHeard { source });
        }
        if let Some(remote) = self.doubts.from.take() {
            event(Event::SourceUnauthentic { source, remote });
        }
        let silence = now.since(self.heard);
        if self.hearing == Hearing::Sends && silence >= SILENT_AFTER {
            self.hearing = Hearing::Silent;
            event(Event::SourceSilent { source });
        }
        if self.hearing == Hearing::Silent && silence >= LOST_AFTER {
            self.hearing = Hearing::Lost;
            event(Event::SourceLost { source });
        }
    }

    /// Its figures.
    pub(crate) fn stats(&self) -> Event {
        let counts = self.jitter.counts();
        Event::SourceStats {
            source: self.id,
            stats: SourceStats {
                remote: self.latch,
                packets: self.packets,
                bytes: self.bytes,
                lost: self.jitter.lost(),
                late: counts.late,
                duplicates: counts.duplicates,
                reordered: counts.reordered,
                concealed_samples: self.concealed_samples,
                inserted_samples: counts.inserted_samples,
                removed_samples: counts.removed_samples,
                restarts: counts.restarts,
                jitter_us: self.jitter.jitter_us(),
                delay_us: self.jitter.delay_us(),
                telephone_events: self.telephone_events,
                unauthentic: self.doubts.unauthentic,
                replayed: self.doubts.replayed,
            },
        }
    }

    /// Gives all frames back.
    pub(crate) fn close(&mut self, pool: &mut Pool) {
        self.jitter.clear(pool);
    }

    /// Frames held.
    #[cfg(test)]
    pub(crate) const fn frames(&self) -> u32 {
        self.jitter.frames()
    }

    /// Lets a packet pass that the stream's sender may have sent.
    ///
    /// While a stream flows, nobody else can put audio into it, not even from a permitted address:
    /// media ports are found by chance ("RTP bleed"), and a recording must not hold what a stranger
    /// sent there.
    fn admit(
        &mut self,
        packet: &rtp::Packet<'_>,
        from: SocketAddr,
        now: Nanos,
        pool: &mut Pool,
    ) -> Result<(), Drop> {
        let ssrc = packet.ssrc();
        if self.latch == Some(from) {
            if self.ssrc == Some(ssrc) {
                self.stranger = None;
                return Ok(());
            }
            // A stray packet must not reset the stream: the next one has to confirm it.
            let next = (ssrc, packet.sequence().wrapping_add(1));
            if self.stranger.replace(next) != Some((ssrc, packet.sequence())) {
                return Err(Drop::Ssrc);
            }
        } else {
            let taken = self.latch.is_some() && now.since(self.heard) < UNLATCH_AFTER;
            let permitted = match self.spec.remote {
                AllowedRemote::First => true,
                AllowedRemote::Address(address) => address == from.ip(),
                AllowedRemote::Exact(remote) => remote == from,
            };
            if taken || !permitted {
                return Err(Drop::Remote);
            }
        }
        self.latch = Some(from);
        self.stranger = None;
        self.news.latched = true;
        if self.ssrc.replace(ssrc) != Some(ssrc) {
            self.jitter.restart(pool);
        }
        Ok(())
    }

    fn fill(&mut self, mut out: &mut [i16], pool: &mut Pool) -> Sound {
        let mut sound = Sound::Nothing;
        while !out.is_empty() {
            let piece = self.jitter.pop(out.len(), pool);
            let (part, rest) = out.split_at_mut(piece.samples());
            out = rest;
            sound = sound.max(match piece {
                Piece::Audio {
                    codec,
                    payload,
                    from,
                    ..
                } => {
                    codec::decode(codec, payload, from, part);
                    self.concealer.present(part);
                    Sound::Heard
                }
                Piece::Missing(_) => {
                    let audible = self.concealer.missing(part);
                    self.concealed_samples += audible as u64;
                    invented(audible)
                }
                Piece::Stretch(_) => invented(self.concealer.missing(part)),
                Piece::Silence(_) => {
                    part.fill(0);
                    self.concealer.present(part);
                    invented(part.iter().filter(|sample| **sample != 0).count())
                }
            });
        }
        sound
    }

    /// Lengthens or shortens the delay, if that is wished for and the moment is quiet.
    fn correct_delay(&mut self, out: &mut Block, pool: &mut Pool) {
        let wish = self.jitter.wish();
        if wish == Wish::Keep {
            self.loudest = 0;
            return;
        }
        let peak = out
            .iter()
            .fold(0, |peak, sample| sample.unsigned_abs().max(peak));
        self.loudest = self.loudest.max(peak);
        let quiet = peak <= QUIET || peak <= self.loudest / QUIETER;
        match wish {
            Wish::Longer(samples) if quiet => self.jitter.insert(samples),
            Wish::Shorter { samples, urgent } if quiet || urgent => self.cut(samples, out, pool),
            Wish::Keep | Wish::Longer(_) | Wish::Shorter { .. } => {}
        }
    }

    /// Removes samples: the end of the block fades into what follows it.
    fn cut(&mut self, samples: u32, out: &mut Block, pool: &mut Pool) {
        let mut following = [0; BLOCK];
        let following = &mut following[..samples as usize];
        self.fill(following, pool);
        self.jitter.removed(samples);
        let start = BLOCK - following.len();
        let len = following.len() as i32 + 1;
        for (weight, (out, new)) in (1..).zip(out[start..].iter_mut().zip(following)) {
            let sum = i32::from(*out) * (len - weight) + i32::from(*new) * weight;
            *out = (sum / len) as i16;
        }
    }
}

const fn invented(audible: usize) -> Sound {
    if audible > 0 {
        Sound::Invented
    } else {
        Sound::Nothing
    }
}
