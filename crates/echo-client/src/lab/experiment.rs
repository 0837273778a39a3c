//! One connection within this process: what was written, sent, read and
//! understood.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    ops::Range,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use transport::Stream;

use super::{
    codec::{Codec, Decoder, Message},
    segments::Segments,
};

/// Maximum wait for the other end, which is a thread of this process.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the receiver lets bytes arrive before it reads what there is.
const ARRIVAL: Duration = Duration::from_secs(1);

/// Round trips after which Linux takes a connection for a conversation and delays
/// acknowledgements (`TCP_PINGPONG_THRESH`: at most 3).
const ROUND_TRIPS: usize = 8;

/// What is sent, and how.
pub(crate) struct Experiment {
    pub(super) codec: Codec,
    pub(super) messages: Vec<Message>,
    /// All of them as they go on the wire.
    pub(super) stream: Vec<u8>,
    /// Where writes end.
    pub(super) ends: Vec<usize>,
    /// How long to wait behind a write once it is read; `None`: the receiver reads
    /// once all has arrived.
    pub(super) pause: Option<Duration>,
    /// Maximum bytes of one read.
    pub(super) read_buffer: u64,
    pub(super) nagle: bool,
}

/// What became of it.
#[derive(Default)]
pub(super) struct Observation {
    pub(super) writes: Vec<Chunk>,
    /// `None` where the system does not say.
    pub(super) segments: Option<Vec<Range<usize>>>,
    pub(super) reads: Vec<Chunk>,
    pub(super) understood: Vec<Message>,
}

/// Bytes of the stream that moved at once, and when, counted from the first write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) span: Range<usize>,
    pub(super) at: Duration,
}

/// One read of the receiver, empty at the end.
struct ReadEvent {
    len: usize,
    at: Instant,
    understood: Vec<Message>,
}

impl Experiment {
    /// Sends everything from one end of a connection to the other and back.
    pub(super) fn run(&self) -> Result<Observation> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
        let client = TcpStream::connect(listener.local_addr()?).context("cannot connect")?;
        let server = accept(&listener, client.local_addr()?)?;
        client.set_nodelay(!self.nagle)?;
        server.set_nodelay(true)?;
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(TIMEOUT))?;
            socket.set_write_timeout(Some(TIMEOUT))?;
        }
        let (start, started) = mpsc::channel();
        let (to_client, reads) = mpsc::channel();
        thread::scope(|scope| {
            let server = thread::Builder::new()
                .spawn_scoped(scope, move || {
                    self.receive(&server.into(), &started, &to_client)
                })
                .context("cannot start a thread")?;
            // It drops its end, also when it fails, which ends the other.
            let outcome = self.send(client, start, &reads);
            server.join().map_or(Ok(()), |received| received)?;
            outcome
        })
    }

    /// The sender: writes as it is told, says that no more will come, and takes the
    /// echo.
    fn send(
        &self,
        mut socket: TcpStream,
        start: Sender<usize>,
        reads: &Receiver<ReadEvent>,
    ) -> Result<Observation> {
        for _ in 0..self.round_trips() {
            socket.write_all(b".")?;
            socket.read_exact(&mut [0])?;
        }
        let reads_at_once = self.pause.is_some() || self.nagle;
        if reads_at_once {
            start.send(0)?;
        }
        let mut log = ReadLog {
            started: Instant::now(),
            outcome: Observation::default(),
            segments: Segments::new(&socket, self.stream.len())?,
            read: 0,
        };
        for span in self.writes() {
            let (at, end) = (log.started.elapsed(), span.end);
            socket.write_all(self.stream.get(span.clone()).unwrap_or_default())?;
            log.segments.sample();
            log.outcome.writes.push(Chunk { span, at });
            if let Some(pause) = self.pause {
                log.wait_until_read(end, reads)?;
                thread::sleep(pause);
            }
        }
        if reads_at_once {
            // What Nagle's algorithm holds back would go at once with a FIN.
            log.wait_until_read(self.stream.len(), reads)?;
        }
        socket.shutdown(Shutdown::Write)?;
        if !reads_at_once {
            start.send(self.stream.len())?;
        }
        drop(start);
        let mut echo = Vec::new();
        socket.read_to_end(&mut echo).context("no echo")?;
        ensure!(echo == self.stream, "the echo differs from what was sent");
        log.wait_until_read(usize::MAX, reads)?;
        log.outcome.segments = log.segments.all();
        Ok(log.outcome)
    }

    /// The receiver: reads, finds messages, and returns each that it finds.
    fn receive(
        &self,
        stream: &Stream,
        start: &Receiver<usize>,
        reads: &Sender<ReadEvent>,
    ) -> Result<()> {
        let mut socket = stream;
        let mut byte = [0];
        for _ in 0..self.round_trips() {
            socket.read_exact(&mut byte)?;
            socket.write_all(&byte)?;
        }
        // The sender has failed where it does not say.
        let arriving = start.recv().unwrap_or_default() as u64;
        let deadline = Instant::now() + ARRIVAL;
        while stream.unread()? < arriving && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let mut decoder = Decoder::new(self.codec);
        let mut buffer = vec![0; usize::try_from(self.read_buffer)?];
        loop {
            let len = socket.read(&mut buffer).context("the receiver")?;
            let at = Instant::now();
            let read = buffer.get(..len).unwrap_or_default();
            let understood = decoder.feed(read)?;
            let mut echo = Vec::new();
            for message in &understood {
                echo.extend(self.codec.encode(&message.payload)?);
            }
            let event = ReadEvent {
                len,
                at,
                understood,
            };
            if reads.send(event).is_err() || len == 0 {
                return Ok(());
            }
            socket.write_all(&echo)?;
        }
    }

    fn writes(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end)
    }

    const fn round_trips(&self) -> usize {
        if self.nagle { ROUND_TRIPS } else { 0 }
    }
}

/// The connection from `peer`, whoever else connects to the port.
fn accept(listener: &TcpListener, peer: SocketAddr) -> Result<TcpStream> {
    loop {
        match listener.accept().context("cannot accept")? {
            (socket, addr) if addr == peer => return Ok(socket),
            _ => {}
        }
    }
}

/// An outcome in the making.
struct ReadLog {
    started: Instant,
    outcome: Observation,
    segments: Segments,
    /// Bytes that were read.
    read: usize,
}

impl ReadLog {
    /// Takes down reads until so many bytes were read, or to the end.
    fn wait_until_read(&mut self, bytes: usize, reads: &Receiver<ReadEvent>) -> Result<()> {
        while self.read < bytes {
            let event = reads
                .recv_timeout(TIMEOUT)
                .context("the receiver has ended")?;
            self.segments.sample();
            if event.len == 0 {
                return Ok(());
            }
            let span = self.read..self.read + event.len;
            self.read = span.end;
            let at = event.at.saturating_duration_since(self.started);
            self.outcome.reads.push(Chunk { span, at });
            self.outcome.understood.extend(event.understood);
        }
        Ok(())
    }
}
