//! A bad network between a client and a server, reproducible by seed.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

use fastrand::Rng;
use socket2::SockRef;

use crate::DEADLINE;

/// How often a blocked write checks whether the connection was reset.
const POLL: Duration = Duration::from_millis(10);

/// A fault in one direction. Faults that end the direction act after the byte
/// at their offset.
#[derive(Clone, Copy, Debug)]
pub enum Chaos {
    /// Bytes pass in pieces of 1 to `max` bytes.
    Slice {
        /// Maximum size of a piece.
        max: usize,
    },
    /// Each piece is delayed by up to `max`.
    Delay {
        /// Maximum delay.
        max: Duration,
    },
    /// One bit of one byte is flipped.
    Corrupt {
        /// Offset of the byte.
        at: usize,
        /// The bit in that byte.
        bit: u32,
    },
    /// Both directions are closed.
    Truncate {
        /// Bytes that still pass.
        after: usize,
    },
    /// The connection is reset, on both sides.
    Reset {
        /// Bytes that still pass.
        after: usize,
    },
    /// This direction is closed, and later bytes are discarded.
    HalfClose {
        /// Bytes that still pass.
        after: usize,
    },
}

impl Chaos {
    /// Number of kinds.
    pub const KINDS: u64 = 6;

    /// A fault of one kind, for a stream of about `len` bytes.
    fn seeded(kind: u64, rng: &mut Rng, len: usize) -> Self {
        let offset = rng.usize(..=len);
        match kind {
            0 => Self::Slice {
                max: rng.usize(1..=len.div_ceil(64)),
            },
            1 => Self::Delay {
                max: Duration::from_micros(rng.u64(1..2000)),
            },
            2 => Self::Corrupt {
                at: rng.usize(..len),
                bit: rng.u32(..8),
            },
            3 => Self::Truncate { after: offset },
            4 => Self::Reset { after: offset },
            _ => Self::HalfClose { after: offset },
        }
    }

    /// Whether all bytes still arrive unchanged.
    const fn is_harmless(self) -> bool {
        matches!(self, Self::Slice { .. } | Self::Delay { .. })
    }
}

/// The faults of a connection.
#[derive(Clone, Debug)]
pub struct Plan {
    seed: u64,
    /// From client to server.
    up: Vec<Chaos>,
    /// From server to client.
    down: Vec<Chaos>,
}

impl Plan {
    /// The plan of a seed, for streams of about `len` bytes, at least 1: each
    /// kind alone in turn, then a mixture.
    #[must_use]
    pub fn seeded(seed: u64, len: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut plan = Self {
            seed,
            up: Vec::new(),
            down: Vec::new(),
        };
        let alone = seed % (Chaos::KINDS + 1);
        let kinds = if alone < Chaos::KINDS {
            vec![alone]
        } else {
            (0..rng.u64(2..=5))
                .map(|_| rng.u64(..Chaos::KINDS))
                .collect()
        };
        for kind in kinds {
            let chaos = Chaos::seeded(kind, &mut rng, len);
            let direction = if rng.bool() {
                &mut plan.up
            } else {
                &mut plan.down
            };
            direction.push(chaos);
        }
        plan
    }

    /// Whether all bytes still arrive unchanged.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.up
            .iter()
            .chain(&self.down)
            .all(|each| each.is_harmless())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, up, down } = self;
        write!(f, "seed {seed}: up {up:?}, down {down:?}")
    }
}

/// A proxy that applies a plan to one connection. Dropping it ends the
/// connection and its threads.
pub struct ChaosProxy {
    addr: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl ChaosProxy {
    /// Listens on a free loopback port for one client.
    #[must_use]
    pub fn start(server: SocketAddr, plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let thread = thread::spawn(move || {
            let (client, _) = listener.accept().expect("a client");
            drop(listener);
            // If the server is down, the client's connection is closed.
            if let Ok(server) = TcpStream::connect_timeout(&server, DEADLINE) {
                serve(&client, &server, &plan);
            }
        });
        Self {
            addr,
            thread: Some(thread),
        }
    }

    /// The proxy's address.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        // Unblock the accept if no client connected.
        drop(TcpStream::connect(self.addr));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the proxy panicked");
        }
    }
}

/// Forwards both directions until both have ended.
fn serve(client: &TcpStream, server: &TcpStream, plan: &Plan) {
    for stream in [client, server] {
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(DEADLINE)))
            .and_then(|()| stream.set_write_timeout(Some(POLL)));
        // On some systems this fails for a disconnected peer.
        if prepared.is_err() {
            return;
        }
    }
    let mut rng = Rng::with_seed(plan.seed);
    let is_reset = &AtomicBool::new(false);
    let pipe = |from, to, chaos| ChaosPipe {
        from,
        to,
        chaos,
        is_reset,
        passed: 0,
    };
    let up = pipe(client, server, &plan.up);
    let down = pipe(server, client, &plan.down);
    let up_rng = rng.fork();
    thread::scope(|scope| {
        scope.spawn(move || up.run(up_rng));
        down.run(rng);
    });
}

/// One direction of a connection.
struct ChaosPipe<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    chaos: &'a [Chaos],
    is_reset: &'a AtomicBool,
    passed: usize,
}

impl ChaosPipe<'_> {
    fn run(mut self, mut rng: Rng) {
        let mut buf = [0; 16 * 1024];
        loop {
            let piece = match self.ending() {
                Some(Chaos::Truncate { .. }) => {
                    let _ = self.from.shutdown(Shutdown::Both);
                    let _ = self.to.shutdown(Shutdown::Both);
                    return;
                }
                Some(Chaos::Reset { .. }) => return self.reset(),
                Some(_) => break,
                None => match self.from.read(&mut buf[..]) {
                    Ok(0) => break,
                    Ok(n) => &mut buf[..n],
                    Err(_) => return self.reset(),
                },
            };
            if self.pass(piece, &mut rng).is_err() {
                break;
            }
        }
        if self.is_reset.load(Ordering::Relaxed) {
            return;
        }
        let _ = self.to.shutdown(Shutdown::Write);
        // Drain the sender, so that it does not block.
        while matches!(self.from.read(&mut buf), Ok(n) if n > 0) {}
    }

    /// The fault that ends this direction here, if any.
    fn ending(&self) -> Option<Chaos> {
        self.left_until_ending()
            .find_map(|(chaos, left)| (left == 0).then_some(chaos))
    }

    /// The faults that will end this direction, and the bytes left before each.
    fn left_until_ending(&self) -> impl Iterator<Item = (Chaos, usize)> {
        self.chaos.iter().filter_map(|&chaos| match chaos {
            Chaos::Truncate { after } | Chaos::Reset { after } | Chaos::HalfClose { after } => {
                Some((chaos, after - self.passed))
            }
            _ => None,
        })
    }

    /// Forwards as many of the received bytes as may pass.
    fn pass(&mut self, came: &mut [u8], rng: &mut Rng) -> io::Result<()> {
        let mut rest = came;
        while !rest.is_empty() && self.ending().is_none() {
            let mut len = rest.len();
            for (_, left) in self.left_until_ending() {
                len = len.min(left);
            }
            for &chaos in self.chaos {
                match chaos {
                    Chaos::Slice { max } => len = len.min(rng.usize(1..=max)),
                    Chaos::Delay { max } => thread::sleep(max.mul_f64(rng.f64())),
                    _ => {}
                }
            }
            let (piece, later) = rest.split_at_mut(len);
            for &chaos in self.chaos {
                if let Chaos::Corrupt { at, bit } = chaos
                    && let Some(byte) = at.checked_sub(self.passed).and_then(|at| piece.get_mut(at))
                {
                    *byte ^= 1 << bit;
                }
            }
            self.write(piece)?;
            self.passed += len;
            rest = later;
        }
        Ok(())
    }

    fn write(&self, mut piece: &[u8]) -> io::Result<()> {
        let mut to = self.to;
        while !piece.is_empty() {
            match to.write(piece) {
                Ok(n) => piece = &piece[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.is_reset.load(Ordering::Relaxed) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Wakes the other direction, and makes the close that follows send a reset
    /// to both sides, without a FIN before it.
    fn reset(&self) {
        self.is_reset.store(true, Ordering::Relaxed);
        for stream in [self.from, self.to] {
            // Both fail on a socket that is already reset.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Read);
        }
    }
}
