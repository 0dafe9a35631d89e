//! What a conference server sends: RTP streams of G.711, paced by one thread.
//!
//! A period of 20 ms is cut into turns, and each stream sends in one of them, so that many streams
//! do not send all at once.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sixreel_dataplane::wire::rtp::{HEADER_LEN, Header};

/// Samples, and bytes of G.711, in a packet of 20 ms.
pub const FRAME: usize = 160;

/// Silence in G.711 µ-law.
pub const SILENCE: u8 = 0xff;

/// Turns of one period.
const TURNS: u64 = 20;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(1);

/// A stream of one speaker.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Where it is sent.
    pub to: SocketAddr,
    /// RTP payload type: 0 is PCMU, 8 is PCMA.
    pub payload_type: u8,
    pub ssrc: u32,
    /// The first sequence number and timestamp.
    pub sequence: u16,
    pub timestamp: u32,
    /// What is said, from the moment when all begin; silence before it, and after it.
    pub speech: Arc<[u8]>,
    /// Whether it is said over and over again.
    pub repeats: bool,
    /// In which of the turns of a period it sends: 0 to 19.
    pub turn: u8,
}

/// Speakers at work.
#[derive(Debug)]
pub struct Speakers {
    orders: Sender<Order>,
    ticks: Receiver<u64>,
    thread: JoinHandle<io::Result<()>>,
}

/// Names a speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeakerId(usize);

#[derive(Debug)]
enum Order {
    Add(SpeakerId, Speaker),
    Remove(SpeakerId),
    Begin,
    End,
}

impl Speakers {
    /// Begins to send from `address`, from a port that the system chooses.
    ///
    /// # Errors
    /// If the system gives no socket or no thread.
    pub fn start(address: IpAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((address, 0))?;
        let (orders, inbox) = mpsc::channel();
        let (outbox, ticks) = mpsc::channel();
        let stage = Stage {
            socket,
            speakers: Vec::new(),
            begun: None,
            packet: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("speakers".to_owned())
            .spawn(move || stage.run(&inbox, &outbox))?;
        Ok(Self {
            orders,
            ticks,
            thread,
        })
    }

    /// Lets one more speak, named `id`: a small number, used once at a time.
    pub fn add(&self, id: usize, speaker: Speaker) -> SpeakerId {
        let id = SpeakerId(id);
        self.order(Order::Add(id, speaker));
        id
    }

    /// Lets one fall silent for good.
    pub fn remove(&self, id: SpeakerId) {
        self.order(Order::Remove(id));
    }

    /// Lets everybody begin with what is to be said.
    pub fn begin(&self) {
        self.order(Order::Begin);
    }

    /// Waits for the next period: how many have passed since all began to speak, and zero before.
    ///
    /// # Errors
    /// If nothing can be sent any more.
    pub fn tick(&self) -> io::Result<u64> {
        self.ticks
            .recv()
            .map_err(|_| io::Error::other("the speakers cannot send any more"))
    }

    /// Ends all streams.
    ///
    /// # Errors
    /// The error that ended them before.
    pub fn stop(self) -> io::Result<()> {
        self.order(Order::End);
        self.thread.join().expect("speakers do not panic")
    }

    fn order(&self, order: Order) {
        // Where the thread has ended, `tick` and `stop` say so.
        let _ = self.orders.send(order);
    }
}

/// What the thread works with.
#[derive(Debug)]
struct Stage {
    socket: UdpSocket,
    speakers: Vec<Option<Speaker>>,
    /// The period in which all began to speak.
    begun: Option<u64>,
    packet: Vec<u8>,
}

impl Stage {
    fn run(mut self, inbox: &Receiver<Order>, outbox: &Sender<u64>) -> io::Result<()> {
        let start = clock();
        for turn in 0.. {
            let due = start + TURN * turn as u32;
            loop {
                match inbox.recv_timeout(due.saturating_duration_since(clock())) {
                    Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    Ok(order) => self.obey(order, turn / TURNS),
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
            let period = turn / TURNS;
            let spoken = self.begun.and_then(|begun| period.checked_sub(begun));
            self.speak(turn % TURNS, spoken)?;
            if turn % TURNS == 0 {
                // Whoever does not wait for ticks need not hear of them.
                let _ = outbox.send(spoken.unwrap_or(0));
            }
        }
        Ok(())
    }

    fn obey(&mut self, order: Order, period: u64) {
        match order {
            Order::Add(SpeakerId(id), speaker) => {
                if self.speakers.len() <= id {
                    self.speakers.resize_with(id + 1, || None);
                }
                self.speakers[id] = Some(speaker);
            }
            Order::Remove(SpeakerId(id)) => self.speakers[id] = None,
            Order::Begin => self.begun = Some(period + 1),
            Order::End => {}
        }
    }

    /// Sends the packets of one turn: of that period since the beginning, or silence before it.
    fn speak(&mut self, turn: u64, spoken: Option<u64>) -> io::Result<()> {
        let due = self.speakers.iter_mut().flatten();
        for speaker in due.filter(|speaker| u64::from(speaker.turn) == turn) {
            let said = spoken.map_or(&[SILENCE; FRAME][..], |period| speaker.frame(period));
            self.packet.resize(HEADER_LEN, 0);
            speaker.header().write(&mut self.packet);
            self.packet.extend_from_slice(said);
            match self.socket.send_to(&self.packet, speaker.to) {
                // An ICMP error of an earlier packet: its receiver has gone, as receivers do.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                sent => drop(sent?),
            }
            speaker.sequence = speaker.sequence.wrapping_add(1);
            speaker.timestamp = speaker.timestamp.wrapping_add(FRAME as u32);
        }
        Ok(())
    }
}

impl Speaker {
    const fn header(&self) -> Header<'static> {
        Header {
            marker: false,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            csrcs: &[],
        }
    }

    /// What is said in the period with that number.
    fn frame(&self, period: u64) -> &[u8] {
        let frames = self.speech.len() / FRAME;
        let mut number = period as usize;
        if self.repeats && frames > 0 {
            number %= frames;
        }
        let from = number * FRAME;
        let frame = self.speech.get(from..from + FRAME);
        frame.unwrap_or(&[SILENCE; FRAME])
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "streams are paced by the clock, and it is read here"
)]
fn clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use sixreel_dataplane::wire::rtp::Packet;

    use super::*;

    #[test]
    fn speech_begins_when_all_begin_and_streams_are_steady() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let speakers = Speakers::start(to.ip()).unwrap();
        let speech: Vec<u8> = [[1; FRAME], [2; FRAME]].concat();
        let speaker = Speaker {
            to,
            payload_type: 8,
            ssrc: 7,
            sequence: 65_534,
            timestamp: u32::MAX - 100,
            speech: speech.into(),
            repeats: false,
            turn: 3,
        };
        let id = speakers.add(0, speaker);
        speakers.tick().unwrap();
        speakers.begin();
        while speakers.tick().unwrap() < 4 {}
        speakers.remove(id);
        speakers.stop().unwrap();

        listener.set_nonblocking(true).unwrap();
        let mut said = Vec::new();
        let mut buffer = [0; 200];
        let mut next = (65_534_u16, u32::MAX - 100);
        while let Ok(length) = listener.recv(&mut buffer) {
            let packet = Packet::parse(&buffer[..length]).unwrap();
            assert_eq!((packet.payload_type(), packet.ssrc()), (8, 7));
            assert_eq!((packet.sequence(), packet.timestamp()), next);
            next = (next.0.wrapping_add(1), next.1.wrapping_add(FRAME as u32));
            assert_eq!(packet.payload().len(), FRAME);
            said.push(packet.payload()[0]);
        }
        let heard: Vec<_> = said.iter().filter(|byte| **byte != SILENCE).collect();
        assert_eq!(heard, [&1, &2], "{said:?}");
    }
}
