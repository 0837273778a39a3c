//! One connection's life: read, echo, close.

use std::{
    fmt,
    io::{self, Write},
    net::TcpStream,
    time::Duration,
};

use proto::{Batch, Error, Escaped, Reader, Received, Wire};
use tracing::Level;
use transport::{ServerTls, SocketOptions, Stream};

use super::{Connection, LINGER, LINGER_BYTES, Phase, input::ConnectionInput};
use crate::{
    Config,
    close::CloseReason,
    memory::{Budget, NoMemory, Share},
    registry::ConnectionGuard,
};

/// Most bytes of a message that the log shows.
const SHOWN: usize = 1024;

/// Largest payload that the log decompresses to show its beginning, in bytes:
/// more would be memory that a peer takes beside `--max-memory`.
const MAX_DECOMPRESSED: usize = 64 * 1024;

/// How long a peer is quiet before what a burst made its buffers grow to is
/// given back.
const QUIET: Duration = Duration::from_secs(1);

/// What a stream's own buffers may keep while the peer is quiet, in bytes: over
/// TLS, those for frames that fit into the first read buffer.
const SMALL: usize = 4096;

/// What every connection of a server does.
#[derive(Debug)]
pub(crate) struct ServerSettings {
    wire: Wire,
    spin: Duration,
    read_buffer: Option<usize>,
    /// Bytes to collect before a write, of what one read brought.
    write_buffer: usize,
    pub(crate) socket: SocketOptions,
    tls: Option<ServerTls>,
    pub(crate) memory: Budget,
    drain: Duration,
}

impl From<&Config> for ServerSettings {
    fn from(config: &Config) -> Self {
        Self {
            wire: config.wire,
            spin: config.spin,
            read_buffer: config.read_buffer,
            write_buffer: config.write_buffer.unwrap_or(usize::MAX),
            socket: config.socket,
            tls: config.tls.clone(),
            memory: Budget::new(config.max_memory),
            drain: config.drain,
        }
    }
}

impl ServerSettings {
    pub(crate) const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Starts encryption on an accepted socket, if it is on.
    pub(crate) fn encrypt(&self, socket: TcpStream) -> io::Result<Stream> {
        Ok(match &self.tls {
            Some(tls) => tls.over(socket)?.into(),
            None => socket.into(),
        })
    }
}

/// Serves one connection until it ends, and says why it did.
pub(crate) fn serve(guard: &ConnectionGuard, settings: &ServerSettings, memory: &mut Share) {
    let peer = guard.peer;
    let result = guard
        .handshake()
        .map_err(ServeError::Handshake)
        .and_then(|()| {
            tracing::debug!("connection established from {peer}");
            echo(guard, settings, memory)
        });
    let reason = result
        .as_ref()
        .map_or_else(ServeError::reason, |()| CloseReason::Clean);
    let is_forced = !guard.decide(reason.into());
    guard.enter(Phase::Closing);
    let (most, timeout) = match (guard.outcome(), result) {
        // It was ended from outside; what the thread saw came of that.
        (Some(outcome), _) if is_forced => match outcome.reason {
            CloseReason::Shutdown => {
                tracing::debug!("connection closed, the server stops: {peer}");
                (u64::MAX, settings.drain)
            }
            reason => {
                guard.warn(reason, format_args!("closing {peer}: {outcome}"));
                let is_busy = matches!(reason, CloseReason::Age | CloseReason::Bytes);
                // It may take its time to read what was sent to it.
                if is_busy {
                    (u64::MAX, settings.drain)
                } else {
                    (LINGER_BYTES, LINGER)
                }
            }
        },
        (_, Ok(())) => return tracing::debug!("connection closed by {peer}"),
        (_, Err(error)) if reason == CloseReason::Reset => {
            return tracing::debug!("connection lost from {peer}: {error}");
        }
        (_, Err(error)) => {
            guard.warn(reason, format_args!("closing {peer}: {error}"));
            (LINGER_BYTES, LINGER)
        }
    };
    guard.stream.linger(most, timeout);
}

/// Why a connection ended otherwise than by a close between two frames.
enum ServeError {
    Handshake(io::Error),
    Stream(Error),
    Memory(NoMemory),
}

impl ServeError {
    fn reason(&self) -> CloseReason {
        match self {
            Self::Handshake(_) => CloseReason::Handshake,
            Self::Stream(error) => error.into(),
            Self::Memory(_) => CloseReason::Memory,
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Stream(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
        }
    }
}

impl From<NoMemory> for ServeError {
    fn from(error: NoMemory) -> Self {
        Self::Memory(error)
    }
}

impl From<Error> for ServeError {
    fn from(error: Error) -> Self {
        Self::Stream(error)
    }
}

/// Sends what comes back until the peer closes, or the server ends it.
///
/// A buffer that a burst made grow is given back once the peer has been quiet
/// for a while. The socket's own timeout says when: until the buffer grows
/// there is none, and no read costs a system call more.
fn echo(
    connection: &Connection,
    settings: &ServerSettings,
    memory: &mut Share,
) -> Result<(), ServeError> {
    let stream = &connection.stream;
    let mut incoming = ConnectionInput::new(connection);
    let mut reader = Reader::new(settings.wire).max_read(settings.read_buffer);
    let mut has_grown = false;
    loop {
        memory.reserve(&mut reader, stream)?;
        if has_grown != (reader.capacity() > 0 || stream.buffered() > SMALL) {
            has_grown = !has_grown;
            let timeout = has_grown.then_some(QUIET);
            stream.set_read_timeout(timeout).map_err(Error::Io)?;
        }
        if !settings.spin.is_zero() {
            stream.spin(settings.spin).map_err(Error::Io)?;
        }
        match reader.read(&mut incoming) {
            Ok(Received::Batch(batch)) => send_back(connection, &batch, settings)?,
            Ok(Received::Closed) => return Ok(()),
            Err(Error::Io(error)) if has_grown && is_quiet(&error) => {
                reader.shrink();
                stream.shrink();
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a read found nothing for as long as the socket's timeout says.
fn is_quiet(error: &io::Error) -> bool {
    // On Unix `TimedOut` is a peer that is gone: ETIMEDOUT.
    let kind = if cfg!(unix) {
        io::ErrorKind::WouldBlock
    } else {
        io::ErrorKind::TimedOut
    };
    error.kind() == kind
}

/// Sends all that is whole after a read back, straight from the read buffer,
/// in one write unless smaller ones were asked for.
fn send_back(
    connection: &Connection,
    batch: &Batch<'_>,
    settings: &ServerSettings,
) -> Result<(), ServeError> {
    let counters = connection.counters();
    counters.count_read(batch);
    tracing::trace!(
        "read {} messages, {} bytes, inside a frame: {}",
        batch.len(),
        batch.as_bytes().len(),
        batch.has_partial()
    );
    if !batch.is_empty() {
        log_messages("read", batch);
        connection.enter(Phase::Writing);
        let mut written = 0;
        for chunk in batch.chunks(settings.write_buffer) {
            if let Err(error) = write(connection, chunk, &mut written) {
                counters.count_frames_within(batch, written);
                return Err(Error::Io(error).into());
            }
        }
        counters.count_frames(batch);
        log_messages("send", batch);
    }
    connection.enter(if batch.has_partial() {
        Phase::Inside
    } else {
        Phase::Between
    });
    Ok(())
}

/// Writes all of `bytes`, counts the writes that it takes, and adds to `written`
/// what they took.
fn write(connection: &Connection, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    let mut stream = &connection.stream;
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                connection.counters().count_write(n);
                *written += n;
                rest = rest.get(n..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn log_messages(verb: &str, batch: &Batch<'_>) {
    if !tracing::enabled!(Level::DEBUG) {
        return;
    }
    let mut scratch = Vec::new();
    for frame in batch.frames() {
        let len = frame.payload_len();
        if frame.is_compressed() && len > MAX_DECOMPRESSED {
            tracing::debug!("{verb} message: {len} bytes, compressed");
            continue;
        }
        let message = match frame.payload(&mut scratch) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!("{verb} message: {error}");
                continue;
            }
        };
        match message.get(..SHOWN) {
            Some(beginning) if len > SHOWN => {
                tracing::debug!("{verb} message: {}... ({len} bytes)", Escaped(beginning));
            }
            _ => tracing::debug!("{verb} message: {}", Escaped(message)),
        }
    }
}
