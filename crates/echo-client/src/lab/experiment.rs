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

use super::{
    codec::{Codec, Decoder, Message},
    segments::Segments,
};

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

impl Experiment {
    /// Sends everything from one end of a connection to the other and back.
    pub(super) fn run(&self) -> Result<Observation> {
        let mut connection = LabConnection::new(self)?;
        for span in self.writes() {
            let end = span.end;
            connection.write(span)?;
            if let Some(pause) = self.pause {
                connection.read_to(end)?;
                thread::sleep(pause);
            }
        }
        if self.nagle {
            // What Nagle's algorithm holds back would go at once with a FIN.
            connection.read_to(self.stream.len())?;
        }
        connection.finish()
    }

    fn writes(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end)
    }
}

/// Both ends of a connection. The sockets hold all that is sent, so one thread
/// serves the two.
struct LabConnection<'e> {
    experiment: &'e Experiment,
    sender: TcpStream,
    receiver: Stream,
    decoder: Decoder,
    segments: Segments,
    started: Instant,
    /// Bytes that were read.
    read: usize,
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
        if experiment.nagle {
            for _ in 0..ROUND_TRIPS {
                sender.write_all(b".")?;
                receiver.read_exact(&mut [0])?;
                receiver.write_all(b".")?;
                sender.read_exact(&mut [0])?;
            }
        }
        Ok(Self {
            segments: Segments::new(&sender, experiment.stream.len())?,
            decoder: Decoder::new(experiment.codec),
            experiment,
            sender,
            receiver: receiver.into(),
            started: Instant::now(),
            read: 0,
            outcome: Observation::default(),
        })
    }

    fn write(&mut self, span: Range<usize>) -> Result<()> {
        let at = self.started.elapsed();
        let bytes = self.experiment.stream.get(span.clone());
        self.sender.write_all(bytes.unwrap_or_default())?;
        self.segments.sample();
        self.outcome.writes.push(Chunk { span, at });
        Ok(())
    }

    /// Reads and returns each message that is found, until so many bytes were
    /// read, or to the end.
    fn read_to(&mut self, bytes: usize) -> Result<()> {
        let mut buffer = vec![0; usize::try_from(self.experiment.read_buffer)?];
        while self.read < bytes {
            let len = (&self.receiver).read(&mut buffer);
            let len = len.context("cannot read")?;
            if len == 0 {
                break;
            }
            let at = self.started.elapsed();
            self.segments.sample();
            let understood = self.decoder.feed(buffer.get(..len).unwrap_or_default())?;
            let mut echo = Vec::new();
            for message in &understood {
                echo.extend(self.experiment.codec.encode(&message.payload)?);
            }
            (&self.receiver).write_all(&echo)?;
            let span = self.read..self.read + len;
            self.read = span.end;
            self.outcome.reads.push(Chunk { span, at });
            self.outcome.understood.extend(understood);
        }
        Ok(())
    }

    /// Says that no more will come, reads the rest, and takes the echo.
    fn finish(mut self) -> Result<Observation> {
        self.sender.shutdown(Shutdown::Write)?;
        let rest = (self.experiment.stream.len() - self.read) as u64;
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
