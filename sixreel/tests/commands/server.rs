//! The real control socket, with an engine that a test scripts.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};
use sixreel_controlplane::control::reply::Reply;
use sixreel_controlplane::control::request::Request;
use sixreel_controlplane::control::view::{EventKind, EventView};
use sixreel_controlplane::listener::Listener;
use sixreel_controlplane::time::{Now, Wall};

const WAKE: Token = Token(0);

/// A server on a thread of its own, until it is dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    /// What the engine was asked, in order.
    pub(crate) asked: Receiver<Request>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that answers as `engine` does, and that has told `events` events.
    pub(crate) fn start(
        events: u64,
        mut engine: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), WAKE).unwrap();
        let path = folder.path().join("control.sock");
        let mut listener = Listener::bind(&path, None, poll.registry(), Token(1)).unwrap();
        (1..=events).for_each(|id| listener.broadcast(&event(id)));
        let (tell, asked) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut ready = Events::with_capacity(64);
            loop {
                let due = listener.deadline();
                let timeout = due.map(|due| due.saturating_duration_since(now().mono));
                match poll.poll(&mut ready, timeout) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    polled => polled.unwrap(),
                }
                if ready.iter().any(|event| event.token() == WAKE) {
                    return;
                }
                ready.iter().for_each(|event| listener.handle(event));
                let mut requests = Vec::new();
                listener.serve(now(), &mut requests);
                for (ticket, request) in requests {
                    listener.reply(ticket, &engine(&request), now());
                    // A test that looks at nothing has hung up here.
                    let _ = tell.send(request);
                }
                listener.flush(now());
            }
        });
        Self {
            folder,
            asked,
            waker,
            thread: Some(thread),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// Ends the server, and with it all its connections.
    pub(crate) fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.waker.wake().unwrap();
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The event with this identifier.
fn event(id: u64) -> EventView {
    EventView {
        id,
        kind: EventKind::RecordingFailed,
        time: "2017-05-01T10:17:11.042Z".to_owned(),
        call: Some(super::name("7")),
        recording: None,
        recorder: Some(super::name("r1")),
        source: None,
        detail: Some("486 Busy Here".to_owned()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the loop of a real server")]
fn now() -> Now {
    Now {
        mono: Instant::now(),
        wall: Wall(1_493_633_831_042),
    }
}
