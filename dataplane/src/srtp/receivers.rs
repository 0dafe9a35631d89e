//! What is received: packets are believed only if their tag is right, and only once.

use std::fmt;

use super::ciphers::Ciphers;
use super::control::Control;
use super::derive::{Purpose, SessionKeys};
use super::job::{JOBS, Job};
use super::keys::Keys;
use super::packet::{Kind, Packet, RtpHead, rtcp_ssrc};
use super::path::Path;
use super::refusal::Refusal;
use super::remotes::Remotes;
use super::senders::OpenError;
use super::spent::Fingerprint;
use super::suite::Suite;

/// Receivers by place, each with the keys of one remote party; all memory is taken at start-up.
pub struct Receivers {
    states: Box<[Option<State>]>,
    controls: Box<[Option<Control>]>,
    ciphers: Ciphers,
    jobs: Vec<Job>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    remotes: Remotes,
    rtp_left: u64,
    rtcp_left: u64,
    print: Fingerprint,
    suite: Suite,
    mki_len: u8,
}

impl Receivers {
    /// Room for so many receivers, which use the processor's fastest path.
    pub fn new(places: u32) -> Self {
        Self::with_path(places, Path::best())
    }

    /// The same on a path of one's choice; the portable one where the processor lacks it.
    pub fn with_path(places: u32, path: Path) -> Self {
        let places = places as usize;
        Self {
            states: vec![None; places].into_boxed_slice(),
            controls: (0..places).map(|_| None).collect(),
            ciphers: Ciphers::new(path, places),
            jobs: Vec::with_capacity(JOBS),
        }
    }

    /// Expects packets protected with these keys from now on. Keys that the receiver in this place
    /// uses already are kept on, with all that it has heard.
    pub fn open(&mut self, place: u32, keys: &Keys) -> Result<(), OpenError> {
        let print = Fingerprint::of(keys);
        let at = place as usize;
        let state = self.states.get(at).ok_or(OpenError::NoPlace)?;
        if state.is_some_and(|state| state.print == print) {
            return Ok(());
        }
        self.states[at] = Some(State {
            remotes: Remotes::default(),
            rtp_left: keys.rtp_packets(),
            rtcp_left: keys.rtcp_packets(),
            print,
            suite: keys.suite(),
            mki_len: keys.mki().len() as u8,
        });
        self.controls[at] = Some(Control::new(keys));
        let session = SessionKeys::derive(keys, Purpose::Rtp);
        self.ciphers.set(at, keys.suite(), &session);
        Ok(())
    }

    /// Wipes the keys in a place.
    pub fn close(&mut self, place: u32) {
        let at = place as usize;
        if self
            .states
            .get_mut(at)
            .is_some_and(|place| place.take().is_some())
        {
            self.controls[at] = None;
            self.ciphers.clear(at);
        }
    }

    /// Whether there are keys in a place.
    pub fn is_open(&self, place: u32) -> bool {
        matches!(self.states.get(place as usize), Some(Some(_)))
    }

    /// Removes the protection of each packet where it lies in `bytes`, and notes what became of
    /// it. Packets do not overlap. The outcome is the same as if they were given one by one.
    pub fn unprotect(&mut self, bytes: &mut [u8], packets: &mut [Packet]) {
        for packets in packets.chunks_mut(JOBS) {
            self.jobs.clear();
            for (number, packet) in packets.iter_mut().enumerate() {
                packet.outcome = match packet.kind {
                    Kind::Rtp => self.prepare(bytes, packet, number as u32),
                    Kind::Rtcp => self.unprotect_rtcp(bytes, packet),
                };
            }
            self.ciphers.open(bytes, &mut self.jobs);
            for number in 0..self.jobs.len() {
                let mut job = self.jobs[number];
                let packet = &mut packets[job.packet as usize];
                packet.outcome = self.admit(bytes, &mut job);
                packet.len = job.len as usize;
            }
        }
    }

    /// Guesses the index of an RTP packet and makes it a job.
    fn prepare(&mut self, bytes: &[u8], packet: &Packet, number: u32) -> Result<(), Refusal> {
        let place = packet.place as usize;
        let state = self.states.get(place).and_then(Option::as_ref);
        let state = state.ok_or(Refusal::NoKeys)?;
        let (suite, mki_len) = (state.suite, usize::from(state.mki_len));
        let whole = whole(bytes, packet)?;
        let len = whole.len().checked_sub(suite.rtp_tag_len() + mki_len);
        let len = len.ok_or(Refusal::Malformed)?;
        let head = RtpHead::parse(&whole[..len])?;
        if mki_len > 0 {
            let control = self.controls[place].as_ref().expect("opened together");
            if whole[Job::mki_at(len, suite)..][..mki_len] != *control.mki() {
                return Err(Refusal::Mki);
            }
        }
        self.jobs.push(Job {
            start: packet.start,
            index: state.remotes.guess(head.ssrc, head.sequence)?,
            place: packet.place,
            packet: number,
            ssrc: head.ssrc,
            clear_len: head.clear_len as u32,
            len: len as u32,
            tag_at: Job::tag_at(len, suite, mki_len) as u32,
            suite,
            good: false,
        });
        Ok(())
    }

    /// Lets a packet through if it is authentic and did not come before.
    ///
    /// Its index was guessed before the packets ahead of it in the batch were known to be
    /// authentic. Where they change the guess, its tag is looked at again: this is rare.
    fn admit(&mut self, bytes: &mut [u8], job: &mut Job) -> Result<(), Refusal> {
        let state = self.states[job.place as usize].as_mut();
        let state = state.expect("a job's place has keys");
        if state.rtp_left == 0 {
            return Err(Refusal::KeysExpired);
        }
        let sequence = job.index as u16;
        let index = state.remotes.guess(job.ssrc, sequence)?;
        if index != job.index {
            if job.good {
                return Err(Refusal::Authentication);
            }
            job.index = index;
            self.ciphers.open(bytes, std::slice::from_mut(job));
        }
        if !job.good {
            return Err(Refusal::Authentication);
        }
        state.remotes.accept(Kind::Rtp, job.ssrc, job.index)?;
        state.rtp_left -= 1;
        Ok(())
    }

    fn unprotect_rtcp(&mut self, bytes: &mut [u8], packet: &mut Packet) -> Result<(), Refusal> {
        let place = packet.place as usize;
        let state = self.states.get_mut(place).and_then(Option::as_mut);
        let state = state.ok_or(Refusal::NoKeys)?;
        let control = self.controls[place].as_ref().expect("opened together");
        whole(bytes, packet)?;
        let whole = &mut bytes[packet.start..][..packet.len];
        let parts = control.parse(whole)?;
        let ssrc = rtcp_ssrc(whole)?;
        let index = u64::from(parts.word & 0x7fff_ffff);
        if state.rtcp_left == 0 {
            return Err(Refusal::KeysExpired);
        }
        state.remotes.check(Kind::Rtcp, ssrc, index)?;
        control.open(ssrc, &parts, whole)?;
        state.remotes.accept(Kind::Rtcp, ssrc, index)?;
        state.rtcp_left -= 1;
        packet.len = parts.len;
        Ok(())
    }
}

/// A packet as it was received.
fn whole<'b>(bytes: &'b [u8], packet: &Packet) -> Result<&'b [u8], Refusal> {
    let end = packet.start.checked_add(packet.len);
    let range = packet.start..end.ok_or(Refusal::Malformed)?;
    // Lengths are 32 bits wide in a job; nothing of 4 GiB is a packet.
    let whole = bytes.get(range).filter(|whole| whole.len() < 1 << 20);
    whole.ok_or(Refusal::Malformed)
}

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.states.iter().flatten().count();
        f.debug_struct("Receivers")
            .field("places", &self.states.len())
            .field("open", &open)
            .finish_non_exhaustive()
    }
}
