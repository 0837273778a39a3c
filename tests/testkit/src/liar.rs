//! Echo servers with faults or delays that a client must detect.
//!
//! They share no code with the programs under test: frames are implemented here
//! again, by hand.

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

use self::{connection::LiarConnection, stop::LiarStop};
use crate::DEADLINE;

/// Size of both socket buffers of [`Behaviour::TinyBuffer`]. Linux doubles it
/// and counts its own bookkeeping as well.
const TINY_SOCKET_BUFFER_BYTES: usize = 4096;

/// The fault of a server.
///
/// Messages are counted from 1 on each connection, so that a run starts without
/// faults: `from` is the first faulty message, `nth` the only one. All others
/// are echoed at once and unchanged.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// The last byte of a reply has a bit flipped.
    WrongByte {
        /// The first faulty message.
        from: u64,
    },
    /// A reply and its length field are one byte short.
    ShortReply {
        /// The first faulty message.
        from: u64,
    },
    /// A reply and its length field are one byte long.
    LongReply {
        /// The first faulty message.
        from: u64,
    },
    /// A reply is followed by a complete frame of junk, longer than the reply:
    /// one of the same length could pass for the next reply, corrupted.
    ExtraBytes {
        /// The first faulty message.
        from: u64,
    },
    /// A reply is sent twice.
    Duplicate {
        /// The first faulty message.
        from: u64,
    },
    /// Two replies are swapped. The first waits for the second message, so a
    /// client with one message in flight waits for ever.
    Swapped {
        /// The first of the two messages.
        nth: u64,
    },
    /// A reply is the last message of another connection, if there is one.
    OtherConnections {
        /// The first faulty message.
        from: u64,
    },
    /// Messages are read and not answered.
    Silent {
        /// The first faulty message.
        from: u64,
    },
    /// One message is read and not answered; all others are.
    Swallowed {
        /// The faulty message.
        nth: u64,
    },
    /// One reply is late, and so are those queued after it.
    Late {
        /// The faulty message.
        nth: u64,
        /// Delay of the reply after its message.
        by: Duration,
    },
    /// The connection is closed instead of an answer, cleanly even if more
    /// messages are in flight.
    CloseMidRun {
        /// The faulty message.
        nth: u64,
    },
    /// The connection is reset instead of an answer.
    Reset {
        /// The faulty message.
        nth: u64,
    },
    /// Every second connection is closed right after accept.
    RefuseHalf,
    /// Every reply is sent a constant time after its message arrived,
    /// regardless of the number in flight.
    Delay(Duration),
    /// All connections stall once. The first message on any connection starts
    /// the clock.
    StallOnce {
        /// Start of the stall.
        after: Duration,
        /// Length of the stall.
        for_: Duration,
    },
    /// Bytes, and so frames too, are echoed by a small read and then a blocking
    /// write, over small socket buffers: a client that writes everything before
    /// it reads waits for ever.
    TinyBuffer,
}

/// How messages are delimited.
#[derive(Clone, Copy, Debug)]
enum LiarWire {
    /// By their length before each, a big-endian u32.
    Framed,
    /// By their common length in bytes.
    Raw(usize),
}

/// A faulty echo server on a free loopback port, inside this process. Dropping
/// it ends its connections and threads.
pub struct Liar {
    addr: SocketAddr,
    shared: Arc<LiarShared>,
    /// Disconnected once all threads have ended: a join has no timeout.
    ended: Receiver<Infallible>,
    acceptor: Option<JoinHandle<()>>,
}

impl Liar {
    /// Starts a server of plain frames.
    #[must_use]
    pub fn start(behaviour: Behaviour) -> Self {
        Self::listen(behaviour, LiarWire::Framed)
    }

    /// Starts a server of raw messages of `len` bytes each.
    #[must_use]
    pub fn start_raw(behaviour: Behaviour, len: usize) -> Self {
        Self::listen(behaviour, LiarWire::Raw(len))
    }

    fn listen(behaviour: Behaviour, wire: LiarWire) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        if matches!(behaviour, Behaviour::TinyBuffer) {
            // Here, because a connection takes its initial window from its
            // listener; no client knows the port yet.
            let socket = SockRef::from(&listener);
            socket
                .set_recv_buffer_size(TINY_SOCKET_BUFFER_BYTES)
                .and_then(|()| socket.set_send_buffer_size(TINY_SOCKET_BUFFER_BYTES))
                .expect("a TCP socket");
        }
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(LiarShared {
            behaviour,
            wire,
            stop: LiarStop::default(),
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

    /// The server's address.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The server's address, as an argument.
    #[must_use]
    pub fn host(&self) -> String {
        self.addr.to_string()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.shared.stop.stop();
        // Wakes the acceptor, which then checks for the stop.
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

/// The state that the connections of a server share.
struct LiarShared {
    behaviour: Behaviour,
    wire: LiarWire,
    stop: LiarStop,
    /// When the first message on any connection arrived.
    first_message: OnceLock<Instant>,
    /// The last message of each connection, by index.
    last_messages: Mutex<HashMap<usize, Vec<u8>>>,
}

/// Runs a thread per connection, and returns once all of them have ended.
fn accept(listener: &TcpListener, shared: &LiarShared) {
    thread::scope(|scope| {
        for (index, stream) in listener.incoming().enumerate() {
            let stream = Arc::new(stream.expect("a connection"));
            if !shared.stop.watch(&stream) {
                return;
            }
            let is_refused = matches!(shared.behaviour, Behaviour::RefuseHalf) && index % 2 == 1;
            if !is_refused {
                scope.spawn(move || LiarConnection::new(index, &stream, shared).serve());
            }
        }
    });
}
