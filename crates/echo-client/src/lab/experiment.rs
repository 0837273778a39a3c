//! One connection within this process: what was written, sent, read and
//! understood.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use transport::Stream;

use super::{codec::Codec, piece::Piece, segments::Segments};

/// Maximum wait for bytes, which do not leave this host.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the receiver lets bytes arrive before it reads what there is.
const ARRIVAL: Duration = Duration::from_secs(1);

/// Round trips after which Linux takes a connection for a conversation and delays
/// acknowledgements (`TCP_PINGPONG_THRESH`: at most 3).
const ROUND_TRIPS: usize = 8;

/// What is sent, and how.
pub(crate) struct Experiment {
    pub(super) codec: Codec,
    pub(super) messages: Vec<Piece>,
    /// All of them as they go on the wire.
    pub(super) stream: Vec<u8>,
    /// Where writes end.
    pub(super) ends: Vec<usize>,
    /// How long to wait behind a write once it is read; `None`: the receiver reads
    /// once all has arrived.
    pub(super) pause: Option<Duration>,
    /// Maximum bytes of one read.
    pub(super) read_buffer: usize,
    pub(super) nagle: bool,
}

/// What became of it.
#[derive(Default)]
pub(super) struct Observation {
    pub(super) writes: Vec<Piece>,
    /// `None` where the system does not say.
    pub(super) segments: Option<Vec<Piece>>,
    pub(super) reads: Vec<Piece>,
    pub(super) understood: Vec<Piece>,
}

impl Experiment {
    /// Sends everything from one end of a connection to the other and back.
    pub(super) fn run(&self) -> Result<Observation> {
        let mut connection = LabConnection::new(self)?;
        let mut start = 0;
        for &end in &self.ends {
            connection.write(start..end)?;
            if let Some(pause) = self.pause {
                connection.read_to(end)?;
                thread::sleep(pause);
            }
            start = end;
        }
        if self.nagle {
            // What Nagle's algorithm holds back would go at once with a FIN.
            connection.read_to(start)?;
        }
        connection.finish()
    }
}

/// Both ends of a connection. The sockets hold all that is sent, so one thread
/// serves the two.
struct LabConnection<'e> {
    experiment: &'e Experiment,
    sender: TcpStream,
    receiver: Stream,
    segments: Segments,
    started: Instant,
    received: Vec<u8>,
    outcome: Observation,
}

impl<'e> LabConnection<'e> {
    fn new(experiment: &'e Experiment) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
        let mut sender = TcpStream::connect(listener.local_addr()?).context("cannot connect")?;
        // Another program may connect to the port, too.
        let mut receiver = loop {
            let (socket, addr) = listener.accept().context("cannot accept")?;
            if addr == sender.local_addr()? {
                break socket;
            }
        };
        sender.set_nodelay(!experiment.nagle)?;
        receiver.set_nodelay(true)?;
        for socket in [&sender, &receiver] {
            socket.set_read_timeout(Some(TIMEOUT))?;
            socket.set_write_timeout(Some(TIMEOUT))?;
        }
        for _ in 0..if experiment.nagle { ROUND_TRIPS } else { 0 } {
            sender.write_all(b".")?;
            receiver.read_exact(&mut [0])?;
            receiver.write_all(b".")?;
            sender.read_exact(&mut [0])?;
        }
        Ok(Self {
            segments: Segments::new(&sender, experiment.stream.len())?,
            experiment,
            sender,
            receiver: receiver.into(),
            started: Instant::now(),
            received: Vec::new(),
            outcome: Observation::default(),
        })
    }

    /// Bytes that move now; with the time where that is what it is about.
    fn moved(&self, span: Range<usize>) -> Piece {
        let mut piece = Piece::sized(span);
        if self.experiment.nagle || self.experiment.pause.is_some() {
            let at = self.started.elapsed().as_millis();
            piece.label = format!("{} at {at} ms", piece.label);
        }
        piece
    }

    fn write(&mut self, span: Range<usize>) -> Result<()> {
        let piece = self.moved(span.clone());
        self.sender.write_all(&self.experiment.stream[span])?;
        self.segments.sample();
        self.outcome.writes.push(piece);
        Ok(())
    }

    /// Reads and returns each message that is found, until so many bytes were
    /// read, or to the end.
    fn read_to(&mut self, bytes: usize) -> Result<()> {
        let mut buffer = vec![0; self.experiment.read_buffer];
        while self.received.len() < bytes {
            let len = (&self.receiver).read(&mut buffer).context("cannot read")?;
            if len == 0 {
                break;
            }
            let read = self.received.len()..self.received.len() + len;
            let read = self.moved(read);
            self.outcome.reads.push(read);
            self.segments.sample();
            self.received.extend_from_slice(&buffer[..len]);
            self.understand()?;
        }
        Ok(())
    }

    fn understand(&mut self) -> Result<()> {
        let understood = &mut self.outcome.understood;
        let mut start = understood.last().map_or(0, |last| last.span.end);
        let from = start;
        while let Some((len, payload)) = self.experiment.codec.decode(&self.received[start..]) {
            understood.push(Piece::message(start..start + len, &payload));
            start += len;
        }
        Ok((&self.receiver).write_all(&self.received[from..start])?)
    }

    /// Says that no more will come, reads the rest, and takes the echo.
    fn finish(mut self) -> Result<Observation> {
        self.sender.shutdown(Shutdown::Write)?;
        let rest = (self.experiment.stream.len() - self.received.len()) as u64;
        let deadline = Instant::now() + ARRIVAL;
        while self.receiver.unread()? < rest && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        self.read_to(usize::MAX)?;
        self.receiver.shutdown(Shutdown::Write)?;
        let mut echo = Vec::new();
        self.sender.read_to_end(&mut echo).context("no echo")?;
        let is_same = echo == self.experiment.stream;
        ensure!(is_same, "the echo differs from what was sent");
        self.outcome.segments = self.segments.all();
        Ok(self.outcome)
    }
}
