//! Echo servers that lie or dawdle, for a client that must notice.
//!
//! They share no code with the programs under test: what a frame is, is
//! written here once more, by hand.

mod connection;
mod stop;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{SocketAddr, TcpListener, TcpStream},
    panic,
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::SockRef;

use self::{connection::Connection, stop::Stop};
use crate::DEADLINE;

/// Size of both socket buffers of [`Behaviour::TinyBuffer`]. Linux doubles it
/// and counts its own bookkeeping as well.
const TINY_SOCKET_BUFFER_BYTES: usize = 4096;

/// What is wrong with a server.
///
/// Messages are counted from 1, for each connection on its own, so that a run
/// begins well: `from` is the first message that is lied about and `nth` the
/// only one. All others come back at once and as they were.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// The last byte of a reply has a bit flipped.
    WrongByte {
        /// The first message it happens to.
        from: u64,
    },
    /// A reply, and the length in front of it, is one byte shorter.
    ShortReply {
        /// The first message it happens to.
        from: u64,
    },
    /// A reply, and the length in front of it, is one byte longer.
    LongReply {
        /// The first message it happens to.
        from: u64,
    },
    /// Behind a reply comes a whole frame of junk, longer than the reply: of
    /// the same length it might as well be the next reply, corrupted.
    ExtraBytes {
        /// The first message it happens to.
        from: u64,
    },
    /// A reply comes twice.
    Duplicate {
        /// The first message it happens to.
        from: u64,
    },
    /// Two replies come in reversed order. The first waits for the second
    /// message, so a client with one message in flight waits for ever.
    Swapped {
        /// The first of the two messages.
        nth: u64,
    },
    /// A reply is the last message of another connection, once there is one.
    OtherConnections {
        /// The first message it happens to.
        from: u64,
    },
    /// Messages are read and not answered.
    Silent {
        /// The first message it happens to.
        from: u64,
    },
    /// One message is read and not answered; all others are.
    Swallowed {
        /// The message it happens to.
        nth: u64,
    },
    /// One reply comes late, and so do those queued behind it.
    Late {
        /// The message it happens to.
        nth: u64,
        /// How long after its message the reply is sent.
        by: Duration,
    },
    /// Instead of an answer the connection is closed, cleanly even if more
    /// messages are on their way.
    CloseMidRun {
        /// The message it happens to.
        nth: u64,
    },
    /// Instead of an answer the connection is reset.
    Reset {
        /// The message it happens to.
        nth: u64,
    },
    /// Every second connection is closed as soon as it is accepted.
    RefuseHalf,
    /// Every reply is sent a constant time after its message came, however
    /// many are in flight.
    Delay(Duration),
    /// All connections stand still, once. The first message of any connection
    /// starts the clock.
    StallOnce {
        /// When it begins.
        after: Duration,
        /// How long it lasts.
        for_: Duration,
    },
    /// Bytes, and so frames too, come back by a small read and then a blocking
    /// write, over small socket buffers: who writes all before reading any
    /// waits for ever.
    TinyBuffer,
}

/// How messages are told apart.
#[derive(Clone, Copy, Debug)]
enum Wire {
    /// By a big-endian u32 in front of each, its length.
    Framed,
    /// By their common length in bytes.
    Raw(usize),
}

/// A lying echo server on a free loopback port, inside this process. Dropping
/// it ends its connections and threads.
pub struct Liar {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Disconnected once all threads have ended: a join has no deadline.
    ended: Receiver<Infallible>,
    acceptor: Option<JoinHandle<()>>,
}

impl Liar {
    /// Starts a server that speaks plain frames.
    #[must_use]
    pub fn start(behaviour: Behaviour) -> Self {
        Self::listen(behaviour, Wire::Framed)
    }

    /// Starts a server for bare messages of `len` bytes each.
    #[must_use]
    pub fn start_raw(behaviour: Behaviour, len: usize) -> Self {
        Self::listen(behaviour, Wire::Raw(len))
    }

    fn listen(behaviour: Behaviour, wire: Wire) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        if matches!(behaviour, Behaviour::TinyBuffer) {
            // Here, because a connection takes its first window from its
            // listener; nobody knows the port yet.
            let socket = SockRef::from(&listener);
            socket
                .set_recv_buffer_size(TINY_SOCKET_BUFFER_BYTES)
                .and_then(|()| socket.set_send_buffer_size(TINY_SOCKET_BUFFER_BYTES))
                .expect("a TCP socket");
        }
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            behaviour,
            wire,
            stop: Stop::default(),
            first_message: OnceLock::new(),
            last_messages: Mutex::default(),
        });
        let (running, ended) = mpsc::channel();
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let _running = running;
                accept(&listener, &shared);
            }
        });
        Self {
            addr,
            shared,
            ended,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens, as an argument.
    #[must_use]
    pub fn host(&self) -> String {
        self.addr.to_string()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.shared.stop.stop();
        // Wakes the acceptor, which then sees that it is over.
        let _ = TcpStream::connect_timeout(&self.addr, DEADLINE);
        let ended = self.ended.recv_timeout(DEADLINE);
        if thread::panicking() {
            return;
        }
        let behaviour = self.shared.behaviour;
        assert_eq!(
            ended,
            Err(RecvTimeoutError::Disconnected),
            "threads of {behaviour:?} did not end"
        );
        if let Some(Err(panic)) = self.acceptor.take().map(JoinHandle::join) {
            panic::resume_unwind(panic);
        }
    }
}

/// What the connections of a server share.
struct Shared {
    behaviour: Behaviour,
    wire: Wire,
    stop: Stop,
    /// When the first message of any connection came.
    first_message: OnceLock<Instant>,
    /// The last message of each connection, by its index.
    last_messages: Mutex<HashMap<usize, Vec<u8>>>,
}

/// Gives every connection a thread, and returns once all of them have ended.
fn accept(listener: &TcpListener, shared: &Shared) {
    thread::scope(|scope| {
        for (index, stream) in listener.incoming().enumerate() {
            let stream = Arc::new(stream.expect("a connection"));
            if !shared.stop.watch(&stream) {
                return;
            }
            let is_refused = matches!(shared.behaviour, Behaviour::RefuseHalf) && index % 2 == 1;
            if !is_refused {
                scope.spawn(move || Connection::new(index, &stream, shared).serve());
            }
        }
    });
}
