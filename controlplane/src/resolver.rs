//! Names of recorders' hosts, looked up without blocking the loop.
//!
//! Each lookup has a thread of its own while it lasts, because the system's resolver blocks, and a
//! name that takes long must not delay another. A recorder has one lookup at a time at most.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread;

use crossbeam::channel::{Receiver, Sender, unbounded};
use mio::Waker;

/// What became of a recorder's lookup.
pub(crate) type Answer = (usize, Result<Vec<SocketAddr>, String>);

/// The lookups that are under way.
#[derive(Debug)]
pub(crate) struct Resolver {
    waker: Arc<Waker>,
    sender: Sender<Answer>,
    answers: Receiver<Answer>,
    busy: Vec<bool>,
}

impl Resolver {
    /// For so many recorders; `waker` wakes the loop when there is an answer.
    pub(crate) fn new(recorders: usize, waker: Arc<Waker>) -> Self {
        let (sender, answers) = unbounded();
        Self {
            waker,
            sender,
            answers,
            busy: vec![false; recorders],
        }
    }

    /// Begins to look a recorder's host up, unless that is under way.
    pub(crate) fn resolve(&mut self, recorder: usize, host: String) {
        if std::mem::replace(&mut self.busy[recorder], true) {
            return;
        }
        let (sender, waker) = (self.sender.clone(), Arc::clone(&self.waker));
        let work = move || {
            let result = lookup(&host);
            // The loop may have ended meanwhile.
            let _ = sender.send((recorder, result));
            let _ = waker.wake();
        };
        let started = thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(work);
        if let Err(error) = started {
            let why = format!("no thread to look a name up: {error}");
            let _ = self.sender.send((recorder, Err(why)));
        }
    }

    /// The next answer.
    pub(crate) fn pop(&mut self) -> Option<Answer> {
        let answer = self.answers.try_recv().ok()?;
        self.busy[answer.0] = false;
        Some(answer)
    }
}

fn lookup(host: &str) -> Result<Vec<SocketAddr>, String> {
    let found: io::Result<Vec<_>> = (host, 0).to_socket_addrs().map(Iterator::collect);
    found.map_err(|error| format!("{host} cannot be looked up: {error}"))
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll, Token};

    use super::*;

    #[test]
    fn a_name_is_looked_up_and_the_loop_is_woken() {
        let mut poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(7)).unwrap());
        let mut resolver = Resolver::new(2, waker);
        for (recorder, host) in [(0, "localhost"), (1, "name.invalid"), (0, "again")] {
            resolver.resolve(recorder, host.to_owned());
        }
        let mut answers = Vec::new();
        let mut events = Events::with_capacity(8);
        while answers.len() < 2 {
            poll.poll(&mut events, None).unwrap();
            answers.extend(std::iter::from_fn(|| resolver.pop()));
        }
        answers.sort_by_key(|(recorder, _)| *recorder);
        assert!(
            answers[0]
                .1
                .as_ref()
                .unwrap()
                .iter()
                .all(|a| a.ip().is_loopback())
        );
        assert!(answers[1].1.as_ref().unwrap_err().contains("name.invalid"));
        assert_eq!(resolver.busy, [false, false]);
    }
}
