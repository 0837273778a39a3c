//! One connection of a faulty server.

use std::{
    io::{self, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::{Behaviour, LiarShared, LiarWire};

/// Maximum frame size. A length with flags in its top bits exceeds it.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// Maximum bytes per read of [`Behaviour::TinyBuffer`].
const TINY_READ_BYTES: usize = 1024;

/// A byte of junk.
const JUNK: u8 = 0xee;

pub(super) struct LiarConnection<'a> {
    index: usize,
    stream: &'a TcpStream,
    reader: BufReader<&'a TcpStream>,
    shared: &'a LiarShared,
}

impl<'a> LiarConnection<'a> {
    pub(super) fn new(index: usize, stream: &'a TcpStream, shared: &'a LiarShared) -> Self {
        Self {
            index,
            stream,
            reader: BufReader::new(stream),
            shared,
        }
    }

    /// Answers until either side ends the connection.
    pub(super) fn serve(mut self) {
        // On some systems this fails for a disconnected client.
        let _ = self.stream.set_nodelay(true);
        // A client that disappears does not affect the others.
        let _ = match self.shared.behaviour {
            Behaviour::TinyBuffer => self.echo_bytes(),
            Behaviour::Delay(delay) => self.echo_after(delay),
            _ => self.converse(),
        };
    }

    /// Answers messages one after the other.
    fn converse(&mut self) -> io::Result<()> {
        let stop = &self.shared.stop;
        let mut count = 0;
        loop {
            let mut replies = vec![self.read()?];
            count += 1;
            let is_due = |from| count >= from;
            match self.shared.behaviour {
                Behaviour::WrongByte { from } if is_due(from) => {
                    if let Some(last) = replies[0].last_mut() {
                        *last ^= 1;
                    }
                }
                Behaviour::ShortReply { from } if is_due(from) => {
                    let _ = replies[0].pop();
                }
                Behaviour::LongReply { from } if is_due(from) => replies[0].push(JUNK),
                Behaviour::ExtraBytes { from } if is_due(from) => {
                    replies.push(vec![JUNK; replies[0].len() + 1]);
                }
                Behaviour::Duplicate { from } if is_due(from) => replies.push(replies[0].clone()),
                Behaviour::Swapped { nth } if count == nth => {
                    replies.insert(0, self.read()?);
                    count += 1;
                }
                Behaviour::OtherConnections { from } => {
                    let other = self.exchange(&replies[0]);
                    if let Some(other) = other.filter(|_| is_due(from)) {
                        replies[0] = other;
                    }
                }
                Behaviour::Silent { from } if is_due(from) => continue,
                Behaviour::Swallowed { nth } if count == nth => continue,
                Behaviour::Late { nth, by } if count == nth => {
                    let _ = stop.wait_until(Instant::now() + by);
                }
                Behaviour::CloseMidRun { nth } if count == nth => return self.close(),
                Behaviour::Reset { nth } if count == nth => {
                    // The close that follows then sends a reset.
                    return SockRef::from(self.stream).set_linger(Some(Duration::ZERO));
                }
                Behaviour::StallOnce { after, for_ } => {
                    let now = Instant::now();
                    let stall = *self.shared.first_message.get_or_init(|| now) + after;
                    if (stall..stall + for_).contains(&now) {
                        let _ = stop.wait_until(stall + for_);
                    }
                }
                _ => {}
            }
            self.write(&replies)?;
        }
    }

    /// Stores a message for the other connections and takes one of theirs.
    fn exchange(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut messages = self.shared.last_messages.lock().unwrap();
        messages.insert(self.index, message.to_vec());
        let mut others = messages.iter().filter(|(index, _)| **index != self.index);
        others.next().map(|(_, other)| other.clone())
    }

    /// Closes cleanly: closing a socket with unread messages would send a
    /// reset.
    fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        io::copy(&mut self.reader, &mut io::sink()).map(drop)
    }

    /// Echoes each message `delay` after it arrived.
    fn echo_after(&mut self, delay: Duration) -> io::Result<()> {
        let (queue, queued) = mpsc::channel();
        let (stream, shared) = (self.stream, self.shared);
        // `move`: the end of this closure has to drop the queue.
        thread::scope(move |scope| {
            scope.spawn(move || {
                for (due, message) in queued {
                    let in_time = shared.stop.wait_until(due);
                    if !in_time || write(stream, shared.wire, &[message]).is_err() {
                        return;
                    }
                }
            });
            loop {
                let message = self.read()?;
                if queue.send((Instant::now() + delay, message)).is_err() {
                    return Ok(());
                }
            }
        })
    }

    fn echo_bytes(&mut self) -> io::Result<()> {
        let mut stream = self.stream;
        let mut buf = [0; TINY_READ_BYTES];
        loop {
            let n = stream.read(&mut buf)?;
            if n == 0 {
                return Ok(());
            }
            stream.write_all(&buf[..n])?;
        }
    }

    /// Reads one message; the end of the stream is an error.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let len = match self.shared.wire {
            LiarWire::Raw(len) => len,
            LiarWire::Framed => {
                let mut len = [0; 4];
                self.reader.read_exact(&mut len)?;
                u32::from_be_bytes(len) as usize
            }
        };
        assert!(len <= MAX_FRAME_BYTES, "a liar was sent {len} bytes");
        let mut message = vec![0; len];
        self.reader.read_exact(&mut message)?;
        Ok(message)
    }

    fn write(&self, messages: &[Vec<u8>]) -> io::Result<()> {
        write(self.stream, self.shared.wire, messages)
    }
}

/// Sends messages in one write, so that a reader gets them together.
fn write(mut stream: &TcpStream, wire: LiarWire, messages: &[Vec<u8>]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for message in messages {
        if let LiarWire::Framed = wire {
            let len = u32::try_from(message.len()).expect("MAX_FRAME_BYTES and one more");
            bytes.extend(len.to_be_bytes());
        }
        bytes.extend(message);
    }
    stream.write_all(&bytes)
}
