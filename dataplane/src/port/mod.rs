//! Where packets come from and go to.

/// The kernel's UDP sockets.
mod kernel;
/// Two queues, for tests and measurements.
mod memory;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

pub use kernel::KernelPort;
pub use memory::{Datagram, MemoryPeer, MemoryPort};

use crate::wire::datagram::{Packet, TxBatch};

/// A worker's port.
#[derive(Debug)]
pub enum Port {
    /// One UDP socket for each port of each pair.
    Kernel(KernelPort),
    /// Queues.
    Memory(MemoryPort),
}

/// Wakes the worker that waits at a port.
#[derive(Clone, Debug)]
pub struct Bell(Arc<EventFd>);

impl Port {
    /// Hands on every packet that has come, up to a limit that keeps a flood from stopping the
    /// clock. Never waits.
    pub fn receive(&mut self, take: impl FnMut(Packet<'_>)) {
        match self {
            Self::Kernel(port) => port.receive(take),
            Self::Memory(port) => port.receive(take),
        }
    }

    /// Sends a batch, and names the pair of each packet that could not be sent. Never waits.
    pub fn send(&mut self, batch: &TxBatch, unsent: impl FnMut(u32)) {
        match self {
            Self::Kernel(port) => port.send(batch, unsent),
            Self::Memory(port) => port.send(batch, unsent),
        }
    }

    /// Waits until the bell rings, `timeout` has passed, or, at a port of the kernel, a packet
    /// comes; or for less long.
    pub fn wait(&mut self, timeout: Duration) {
        match self {
            Self::Kernel(port) => port.wait(timeout),
            Self::Memory(port) => port.wait(timeout),
        }
    }

    /// What ends the waiting.
    pub fn bell(&self) -> Bell {
        match self {
            Self::Kernel(port) => port.bell(),
            Self::Memory(port) => port.bell(),
        }
    }
}

impl Bell {
    /// Ends the present wait, or the next one.
    pub fn ring(&self) {
        // It can only fail by having rung 2^64 times unheard: then it rings already.
        let _ = self.0.write(1);
    }
}

/// The bell and the sockets that a port waits for.
#[derive(Debug)]
struct Poll {
    epoll: Epoll,
    bell: Bell,
    ready: Vec<EpollEvent>,
}

/// What the bell is called among the sockets, whose names count from zero.
const BELL: u64 = u64::MAX;

impl Poll {
    /// Waits for the bell only. `ready` things at most are reported at once.
    fn new(ready: usize) -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&event, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(Self {
            epoll,
            bell: Bell(Arc::new(event)),
            ready: vec![EpollEvent::empty(); ready],
        })
    }

    /// Which sockets are readable now or within `timeout`. An interruption counts as silence.
    fn poll(&mut self, timeout: Duration) -> impl ExactSizeIterator<Item = u64> {
        let timeout = EpollTimeout::try_from(timeout).unwrap_or(EpollTimeout::ZERO);
        let count = self.epoll.wait(&mut self.ready, timeout).unwrap_or(0);
        self.ready[..count].iter().map(EpollEvent::data)
    }

    /// Lets the bell be rung again.
    fn silence(&self) {
        // It fails only where it has been silenced already.
        let _ = self.bell.0.read();
    }
}
