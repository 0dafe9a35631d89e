//! What is sent: packets are numbered, encrypted and given a tag.

use std::fmt;

use super::ciphers::Ciphers;
use super::control::Control;
use super::derive::{Purpose, SessionKeys};
use super::job::{JOBS, Job};
use super::keys::Keys;
use super::packet::{Kind, Packet, RtpHead, rtcp_ssrc};
use super::path::Path;
use super::refusal::Refusal;
use super::replay::INDEX_END;
use super::spent::{Fingerprint, Spent};
use super::suite::Suite;

/// Keys are to be renewed when a sixteenth of their lifetime is left, or so many packets if that
/// is less: half an hour of 20 ms packets.
const RENEW_AT: u64 = 90_000;

/// Senders by place, each with keys and numbers of its own; all memory is taken at start-up.
pub struct Senders {
    numbers: Box<[Option<Numbers>]>,
    controls: Box<[Option<Control>]>,
    ciphers: Ciphers,
    spent: Spent,
    jobs: Vec<Job>,
}

/// Why a sender cannot use keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The table has no such place.
    NoPlace,
    /// They were in use before, here or in another place: their keystream would be used twice.
    KeysUsed,
}

/// What a sender counts.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    /// The index of the packet sent last.
    last: Option<u64>,
    rtp_left: u64,
    rtcp_left: u64,
    rtp_packets: u64,
    rtcp_packets: u64,
    print: Fingerprint,
    ssrc: u32,
    suite: Suite,
    mki_len: u8,
}

impl Senders {
    /// Room for so many senders, which use the processor's fastest path.
    pub fn new(places: u32) -> Self {
        Self::with_path(places, Path::best())
    }

    /// The same on a path of one's choice; the portable one where the processor lacks it.
    pub fn with_path(places: u32, path: Path) -> Self {
        let places = places as usize;
        Self {
            numbers: vec![None; places].into_boxed_slice(),
            controls: (0..places).map(|_| None).collect(),
            ciphers: Ciphers::new(path, places),
            spent: Spent::new(places),
            jobs: Vec::with_capacity(JOBS),
        }
    }

    /// Sends the packets of `ssrc` with these keys from now on, from the first round of sequence
    /// numbers on. Keys that the sender in this place uses already are kept on, with their numbers.
    pub fn open(&mut self, place: u32, keys: &Keys, ssrc: u32) -> Result<(), OpenError> {
        let print = Fingerprint::of(keys);
        let at = place as usize;
        let numbers = self.numbers.get(at).ok_or(OpenError::NoPlace)?;
        if numbers.is_some_and(|numbers| (numbers.print, numbers.ssrc) == (print, ssrc)) {
            return Ok(());
        }
        if !self.spent.insert(print) {
            return Err(OpenError::KeysUsed);
        }
        self.numbers[at] = Some(Numbers::new(keys, print, ssrc));
        self.controls[at] = Some(Control::new(keys));
        let session = SessionKeys::derive(keys, Purpose::Rtp);
        self.ciphers.set(at, keys.suite(), &session);
        Ok(())
    }

    /// Wipes the keys in a place.
    pub fn close(&mut self, place: u32) {
        let at = place as usize;
        if self
            .numbers
            .get_mut(at)
            .is_some_and(|place| place.take().is_some())
        {
            self.controls[at] = None;
            self.ciphers.clear(at);
        }
    }

    /// Whether there are keys in a place.
    pub fn is_open(&self, place: u32) -> bool {
        self.look(place).is_some()
    }

    /// Bytes that protection adds to each packet of a kind; zero where there are no keys.
    pub fn overhead(&self, place: u32, kind: Kind) -> usize {
        self.look(place).map_or(0, |numbers| numbers.overhead(kind))
    }

    /// Whether the keys in a place should be replaced soon, because few packets are left to them.
    pub fn wants_keys(&self, place: u32) -> bool {
        self.look(place).is_some_and(Numbers::wants_keys)
    }

    /// Protects each packet where it lies in `bytes`, and notes what became of it.
    ///
    /// Behind each packet lie as many bytes as [`Senders::overhead`] says, which are written.
    /// Packets do not overlap. Those of one sender come in the order of their sequence numbers,
    /// which may have gaps; a packet that does not advance is refused.
    pub fn protect(&mut self, bytes: &mut [u8], packets: &mut [Packet]) {
        for packets in packets.chunks_mut(JOBS) {
            self.jobs.clear();
            for (number, packet) in packets.iter_mut().enumerate() {
                packet.outcome = match packet.kind {
                    Kind::Rtp => self.prepare(bytes, packet, number as u32),
                    Kind::Rtcp => self.protect_rtcp(bytes, packet),
                };
            }
            self.ciphers.seal(bytes, &mut self.jobs);
        }
    }

    fn look(&self, place: u32) -> Option<&Numbers> {
        self.numbers.get(place as usize)?.as_ref()
    }

    /// Numbers an RTP packet and makes it a job.
    fn prepare(
        &mut self,
        bytes: &mut [u8],
        packet: &mut Packet,
        number: u32,
    ) -> Result<(), Refusal> {
        let place = packet.place as usize;
        let numbers = self.numbers.get_mut(place).and_then(Option::as_mut);
        let numbers = numbers.ok_or(Refusal::NoKeys)?;
        let (suite, mki_len) = (numbers.suite, usize::from(numbers.mki_len));
        let len = packet.len;
        let whole = room(bytes, packet, numbers.overhead(Kind::Rtp))?;
        let head = RtpHead::parse(&whole[..len])?;
        let index = numbers.number_rtp(&head)?;
        if mki_len > 0 {
            let control = self.controls[place].as_ref();
            let mki = control.expect("opened together").mki();
            whole[Job::mki_at(len, suite)..][..mki_len].copy_from_slice(mki);
        }
        packet.len = whole.len();
        self.jobs.push(Job {
            start: packet.start,
            index,
            place: packet.place,
            packet: number,
            ssrc: head.ssrc,
            clear_len: head.clear_len as u32,
            len: len as u32,
            tag_at: Job::tag_at(len, suite, mki_len) as u32,
            suite,
            good: true,
        });
        Ok(())
    }

    fn protect_rtcp(&mut self, bytes: &mut [u8], packet: &mut Packet) -> Result<(), Refusal> {
        let place = packet.place as usize;
        let numbers = self.numbers.get_mut(place).and_then(Option::as_mut);
        let numbers = numbers.ok_or(Refusal::NoKeys)?;
        let whole = room(bytes, packet, numbers.overhead(Kind::Rtcp))?;
        let index = numbers.number_rtcp(rtcp_ssrc(&whole[..packet.len])?)?;
        let control = self.controls[place].as_ref().expect("opened together");
        control.protect(numbers.ssrc, index, whole);
        packet.len = whole.len();
        Ok(())
    }
}

/// A packet with the room behind it.
fn room<'b>(
    bytes: &'b mut [u8],
    packet: &Packet,
    overhead: usize,
) -> Result<&'b mut [u8], Refusal> {
    let end = packet.start.checked_add(packet.len);
    let end = end.and_then(|end| end.checked_add(overhead));
    let range = packet.start..end.ok_or(Refusal::Malformed)?;
    // Lengths are 32 bits wide in a job; nothing of 4 GiB is a packet.
    let whole = bytes.get_mut(range).filter(|whole| whole.len() < 1 << 20);
    whole.ok_or(Refusal::Malformed)
}

impl Numbers {
    fn new(keys: &Keys, print: Fingerprint, ssrc: u32) -> Self {
        Self {
            last: None,
            rtp_left: keys.rtp_packets(),
            rtcp_left: keys.rtcp_packets(),
            rtp_packets: keys.rtp_packets(),
            rtcp_packets: keys.rtcp_packets(),
            print,
            ssrc,
            suite: keys.suite(),
            mki_len: keys.mki().len() as u8,
        }
    }

    fn overhead(&self, kind: Kind) -> usize {
        let own = match kind {
            Kind::Rtp => self.suite.rtp_tag_len(),
            Kind::Rtcp => self.suite.rtcp_tag_len() + 4,
        };
        own + usize::from(self.mki_len)
    }

    /// The index of the next packet, which is greater than that of any packet before it: the
    /// keystream that belongs to it was not used yet (RFC 3711 §9.1).
    fn number_rtp(&mut self, head: &RtpHead) -> Result<u64, Refusal> {
        if head.ssrc != self.ssrc {
            return Err(Refusal::Ssrc);
        }
        let index = match self.last {
            None => u64::from(head.sequence),
            Some(last) => {
                let ahead = head.sequence.wrapping_sub(last as u16);
                if ahead == 0 || ahead >= 1 << 15 {
                    return Err(Refusal::IndexUsed);
                }
                last + u64::from(ahead)
            }
        };
        if self.rtp_left == 0 || index >= INDEX_END {
            return Err(Refusal::KeysExpired);
        }
        self.last = Some(index);
        self.rtp_left -= 1;
        Ok(index)
    }

    /// RFC 3711 §3.2.1: the first SRTCP packet has index zero.
    fn number_rtcp(&mut self, ssrc: u32) -> Result<u32, Refusal> {
        if ssrc != self.ssrc {
            return Err(Refusal::Ssrc);
        }
        if self.rtcp_left == 0 {
            return Err(Refusal::KeysExpired);
        }
        let index = self.rtcp_packets - self.rtcp_left;
        self.rtcp_left -= 1;
        Ok(index as u32)
    }

    fn wants_keys(&self) -> bool {
        let index_left = INDEX_END - 1 - self.last.unwrap_or(0);
        let few = |left: u64, of: u64| left <= (of / 16).min(RENEW_AT);
        few(self.rtp_left.min(index_left), self.rtp_packets)
            || few(self.rtcp_left, self.rtcp_packets)
    }
}

impl fmt::Debug for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.numbers.iter().flatten().count();
        f.debug_struct("Senders")
            .field("places", &self.numbers.len())
            .field("open", &open)
            .finish_non_exhaustive()
    }
}
