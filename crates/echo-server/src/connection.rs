//! One connection's life: read, echo, close.

use std::io::{self, Write};

use proto::{Batch, Error, Escaped, Reader, Received, Wire};
use tracing::Level;
use transport::{ServerTls, SocketOptions};

use crate::{Config, registry::Connection};

/// Most bytes of a message that the log shows.
const SHOWN: usize = 1024;

/// What every connection of a server does.
#[derive(Debug)]
pub(crate) struct Plan {
    wire: Wire,
    read_buffer: usize,
    /// Bytes to collect before a write, of what one read brought.
    write_buffer: usize,
    pub(crate) socket: SocketOptions,
    pub(crate) tls: ServerTls,
}

impl From<&Config> for Plan {
    fn from(config: &Config) -> Self {
        Self {
            wire: config.wire,
            read_buffer: config.read_buffer,
            write_buffer: config.write_buffer.unwrap_or(usize::MAX),
            socket: config.socket,
            tls: config.tls.clone(),
        }
    }
}

/// Serves one connection until it ends, and says why it did.
pub(crate) fn serve(connection: &Connection, plan: &Plan) {
    let peer = connection.peer;
    if let Err(error) = connection.handshake() {
        tracing::warn!("closing {peer}: {error}");
        return connection.stream.linger();
    }
    tracing::debug!("connection established from {peer}");
    match echo(connection, plan) {
        Ok(()) => tracing::debug!("connection closed by {peer}"),
        Err(Error::Io(error)) => tracing::debug!("connection lost from {peer}: {error}"),
        Err(error) => {
            tracing::warn!("closing {peer}: {error}");
            connection.stream.linger();
        }
    }
}

/// Sends all that is whole after a read back, straight from the read buffer,
/// in one write unless smaller ones were asked for.
fn echo(connection: &Connection, plan: &Plan) -> Result<(), Error> {
    let mut stream = &connection.stream;
    let mut reader = Reader::new(plan.wire, plan.read_buffer);
    while let Received::Batch(batch) = reader.read(&mut stream)? {
        connection.count_read(&batch);
        tracing::trace!(
            "read {} messages, {} bytes, inside a frame: {}",
            batch.len(),
            batch.raw().len(),
            batch.is_split()
        );
        if batch.is_empty() {
            continue;
        }
        log_messages("read", &batch);
        for lump in batch.lumps(plan.write_buffer) {
            write(connection, lump)?;
        }
        log_messages("send", &batch);
    }
    Ok(())
}

/// Writes all of `bytes` and counts the system calls that it takes.
fn write(connection: &Connection, bytes: &[u8]) -> io::Result<()> {
    let mut stream = &connection.stream;
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                connection.count_write();
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
        let message = frame.payload(&mut scratch);
        match message.get(..SHOWN) {
            Some(beginning) if message.len() > SHOWN => tracing::debug!(
                "{verb} message: {}... ({} bytes)",
                Escaped(beginning),
                message.len()
            ),
            _ => tracing::debug!("{verb} message: {}", Escaped(message)),
        }
    }
}
