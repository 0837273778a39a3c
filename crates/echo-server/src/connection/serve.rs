//! The life of a connection: read, echo, close.

use std::{
    io::{self, Write},
    net::TcpStream,
    time::Duration,
};

use proto::{Batch, Error, Escaped, Reader, Received};
use tracing::Level;
use transport::Stream;

use super::{Connection, LINGER, LINGER_BYTES, Phase, input::ConnectionInput};
use crate::{
    Config,
    close::CloseReason,
    memory::{Budget, NoMemory, Share},
    registry::ConnectionGuard,
};

/// Maximum bytes of a message in the log.
const MAX_LOGGED: usize = 1024;

/// Largest payload to decompress for the log, in bytes: more would let a peer
/// take memory beside `--max-memory`.
const MAX_DECOMPRESSED: usize = 64 * 1024;

/// How long a peer is silent before buffers that a burst has grown are freed.
const SHRINK_AFTER: Duration = Duration::from_secs(1);

/// Bytes that a stream's own buffers may keep while the peer is silent: with
/// TLS, enough for frames that fit the first read buffer.
const SMALL_BUFFER: usize = 4096;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct ServerSettings {
    pub(crate) config: Config,
    pub(crate) memory: Budget,
}

impl ServerSettings {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            memory: Budget::new(config.max_memory),
        }
    }

    /// Wraps an accepted socket, in TLS if it is on.
    pub(crate) fn encrypt(&self, socket: TcpStream) -> io::Result<Stream> {
        Ok(match &self.config.tls {
            Some(tls) => tls.over(socket)?.into(),
            None => socket.into(),
        })
    }
}

/// Serves one connection until it ends, and logs why it did.
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
    match (guard.outcome(), result) {
        // Ended by the watchdog or a stop; the thread's error follows from it.
        (Some(outcome), _) if is_forced => match outcome.reason {
            CloseReason::Shutdown => {
                tracing::debug!("connection closed, the server stops: {peer}");
                return guard.stream.drain(settings.config.drain);
            }
            reason => {
                guard.warn(reason, format_args!("closing {peer}: {outcome}"));
                // The peer may take its time to read its echoes.
                if matches!(reason, CloseReason::Age | CloseReason::Bytes) {
                    return guard.stream.drain(settings.config.drain);
                }
            }
        },
        (_, Ok(())) => return tracing::debug!("connection closed by {peer}"),
        (_, Err(error)) if reason == CloseReason::Reset => {
            return tracing::debug!("connection lost from {peer}: {error}");
        }
        (_, Err(error)) => guard.warn(reason, format_args!("closing {peer}: {error}")),
    }
    guard.stream.linger(LINGER_BYTES, LINGER);
}

/// Why a connection ended, other than by a close between two frames.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum ServeError {
    Handshake(io::Error),
    Stream(#[from] Error),
    Memory(#[from] NoMemory),
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

/// Echoes until the peer closes or the server ends the connection.
///
/// A buffer that a burst has grown is freed once the peer is silent for a
/// while, by the socket's own timeout. The timeout is set only while the buffer
/// is grown, so no read costs an additional system call.
fn echo(
    connection: &Connection,
    settings: &ServerSettings,
    memory: &mut Share,
) -> Result<(), ServeError> {
    let stream = &connection.stream;
    let mut incoming = ConnectionInput::new(connection);
    let Config {
        wire,
        read_buffer,
        spin,
        ..
    } = settings.config;
    let mut reader = Reader::new(wire).max_read(read_buffer);
    let mut has_grown = false;
    loop {
        memory.reserve(&mut reader, stream)?;
        if has_grown != (reader.capacity() > 0 || stream.buffered() > SMALL_BUFFER) {
            has_grown = !has_grown;
            let timeout = has_grown.then_some(SHRINK_AFTER);
            stream.set_read_timeout(timeout).map_err(Error::Io)?;
        }
        if !spin.is_zero() {
            stream.spin(spin).map_err(Error::Io)?;
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

/// Whether a read timed out by the socket's timeout.
fn is_quiet(error: &io::Error) -> bool {
    // On Unix `TimedOut` means a dead peer: ETIMEDOUT.
    let kind = if cfg!(unix) {
        io::ErrorKind::WouldBlock
    } else {
        io::ErrorKind::TimedOut
    };
    error.kind() == kind
}

/// Echoes all complete frames of a read, straight from the read buffer, in one
/// write unless smaller ones are configured.
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
        for chunk in batch.chunks(settings.config.write_buffer.unwrap_or(usize::MAX)) {
            if let Err(error) = write(connection, chunk, &mut written) {
                counters.count_frames_within(batch, written);
                return Err(Error::Io(error).into());
            }
        }
        counters.count_frames(batch);
        log_messages("send", batch);
    }
    connection.enter(if connection.outcome().is_some() {
        // Reading on, it does not wait: it must not be woken, see `ConnectionInput`.
        Phase::Closing
    } else if batch.has_partial() {
        Phase::Inside
    } else {
        Phase::Between
    });
    Ok(())
}

/// Writes all of `bytes`, counts the writes, and adds the bytes written to
/// `written`.
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
        match message.get(..MAX_LOGGED) {
            Some(beginning) if len > MAX_LOGGED => {
                tracing::debug!("{verb} message: {}... ({len} bytes)", Escaped(beginning));
            }
            _ => tracing::debug!("{verb} message: {}", Escaped(message)),
        }
    }
}
