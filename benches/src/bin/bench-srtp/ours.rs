//! Our paths.

use sixreel_dataplane::srtp::{Keys, Kind, Packet, Path, Senders};

use crate::contest::{Case, Contender, WINDOW};

/// One of our paths.
pub(crate) fn contender(case: &Case, path: Path) -> Contender {
    let case = *case;
    let mut senders = Senders::with_path(case.sessions, path);
    for session in 0..case.sessions {
        let keys = Keys::new(case.suite, &case.key(session)).expect("the case knows the length");
        let opened = senders.open(session, &keys, session);
        opened.expect("all keys differ");
    }
    let stride = case.len + senders.overhead(0, Kind::Rtp);
    let window = WINDOW.min(case.sessions as usize);
    let mut bytes = vec![0x55; stride * window];
    let mut packets = Vec::with_capacity(window);
    Contender::new(path.name(), move |sequence| {
        for first in (0..case.sessions).step_by(window) {
            packets.clear();
            for (session, packet) in (first..case.sessions).zip(bytes.chunks_mut(stride)) {
                case.write(packet, session, sequence);
                let start = (session - first) as usize * stride;
                packets.push(Packet::new(session, Kind::Rtp, start, case.len));
            }
            senders.protect(&mut bytes, &mut packets);
            assert!(packets.iter().all(|packet| packet.outcome.is_ok()));
        }
    })
}
