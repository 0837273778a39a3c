//! One end of TLS in memory: records in, records out.

use std::mem;

use rustls::{
    Error,
    client::UnbufferedClientConnection,
    server::UnbufferedServerConnection,
    unbuffered::{
        ConnectionState, EncodeError, EncryptError, ReadTraffic, UnbufferedStatus, WriteTraffic,
    },
};

use super::outgoing::Outgoing;

/// Maximum plaintext in one record, in bytes (RFC 8446, section 5.1).
pub(super) const MAX_PLAINTEXT: usize = 1 << 14;

/// Maximum bytes of a record beside its plaintext: the header, and what
/// encryption may add (RFC 8446, section 5.2).
pub(super) const MAX_OVERHEAD: usize = 5 + 256;

/// The largest record, in bytes.
pub(super) const MAX_RECORD: usize = MAX_PLAINTEXT + MAX_OVERHEAD;

/// The alert that ends a direction (RFC 8446, section 6.1), before there are
/// keys. A peer that speaks something else can tell by it what this is.
const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];

/// The state of TLS between two ends, without their buffers.
///
/// rustls decrypts in place and keeps nothing that was read, so what a
/// connection holds of the peer's bytes is in [`Incoming`](super::incoming)
/// and nowhere else.
pub(super) struct TlsSession {
    /// `None` when a panic has left it half done: rustls would panic again.
    end: Option<Box<End>>,
    /// Records that reading gave rise to: of the handshake, and alerts.
    pending: Vec<u8>,
    /// Why there is nothing more to encrypt.
    failure: Option<Error>,
    is_closed: bool,
    /// A copy of the whole records that wait for the rest of their message.
    undigested: Vec<u8>,
}

enum End {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What came of some bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Something; there may be more.
    Taken,
    /// Nothing: the rest of a record, or of a message, is missing.
    NeedsMore,
    /// The peer said that it is done.
    Closed,
}

/// What to do with the session's state.
enum SessionWork<'a> {
    Decrypt(&'a mut dyn FnMut(&[u8])),
    Encrypt(&'a [u8], &'a mut Outgoing),
    Close,
}

impl From<UnbufferedClientConnection> for TlsSession {
    fn from(client: UnbufferedClientConnection) -> Self {
        Self::new(Some(End::Client(client)))
    }
}

impl From<UnbufferedServerConnection> for TlsSession {
    fn from(server: UnbufferedServerConnection) -> Self {
        Self::new(Some(End::Server(server)))
    }
}

impl TlsSession {
    fn new(end: Option<End>) -> Self {
        Self {
            end: end.map(Box::new),
            pending: Vec::new(),
            failure: None,
            is_closed: false,
            undigested: Vec::new(),
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.end.as_deref().is_none_or(|end| match end {
            End::Client(client) => client.is_handshaking(),
            End::Server(server) => server.is_handshaking(),
        })
    }

    /// Takes one record at most from the front of `incoming`, and hands its
    /// plaintext to `sink`. Returns how many bytes are used up, and what came
    /// of them.
    pub(super) fn decrypt(
        &mut self,
        incoming: &mut [u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> (usize, Result<Step, Error>) {
        let (used, step) = self.advance(incoming, &mut SessionWork::Decrypt(sink));
        match &step {
            Err(error) => {
                self.failure = Some(error.clone());
                self.collect();
            }
            Ok(Step::NeedsMore) => {
                let rest = incoming.get(used..).unwrap_or_default();
                return (used, self.note_undigested(rest).map(|()| Step::NeedsMore));
            }
            Ok(_) => {}
        }
        (used, step)
    }

    /// What stands in for one that a panic has left half done.
    pub(super) fn gone() -> Self {
        Self::new(None)
    }

    pub(super) fn is_server(&self) -> bool {
        matches!(self.end.as_deref(), Some(End::Server(_)))
    }

    /// Encrypts `plaintext` behind all that is to be sent before.
    pub(super) fn encrypt(
        &mut self,
        plaintext: &[u8],
        outgoing: &mut Outgoing,
    ) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.end.is_some() && self.is_handshaking() {
            return Err(Error::HandshakeNotComplete);
        }
        self.write(&mut SessionWork::Encrypt(plaintext, outgoing))
    }

    /// Queues the alert that ends this direction, unless that is over already.
    pub(super) fn close(&mut self) {
        if self.failure.is_some() || mem::replace(&mut self.is_closed, true) {
            return;
        }
        if !self.is_handshaking() {
            let _ = self.write(&mut SessionWork::Close);
        } else if !self.has_suite() {
            self.pending.extend_from_slice(&CLOSE_NOTIFY);
        } // else there is no way to say it
    }

    fn has_suite(&self) -> bool {
        let suite = self.end.as_deref().map(|end| match end {
            End::Client(client) => client.negotiated_cipher_suite(),
            End::Server(server) => server.negotiated_cipher_suite(),
        });
        suite != Some(None)
    }

    fn write(&mut self, work: &mut SessionWork<'_>) -> Result<(), Error> {
        let mut undigested = mem::take(&mut self.undigested);
        let step = loop {
            match self.advance(&mut undigested, work) {
                (_, Ok(Step::Taken)) => {}
                (_, other) => break other,
            }
        };
        self.undigested = undigested;
        step.map(drop)
    }

    /// Takes what waits to be sent.
    pub(super) fn take_pending(&mut self) -> Vec<u8> {
        mem::take(&mut self.pending)
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes what rustls wants to send. It hands that out before it looks at
    /// any input.
    pub(super) fn collect(&mut self) {
        while self.end.as_deref().is_some_and(|end| match end {
            End::Client(client) => client.wants_write(),
            End::Server(server) => server.wants_write(),
        }) {
            let (_, step) = self.advance(&mut [], &mut SessionWork::Decrypt(&mut |_| {}));
            if step.is_err() {
                return;
            }
        }
    }

    fn advance(
        &mut self,
        incoming: &mut [u8],
        work: &mut SessionWork<'_>,
    ) -> (usize, Result<Step, Error>) {
        let Self { end, pending, .. } = self;
        match end.as_deref_mut() {
            Some(End::Client(client)) => act(client.process_tls_records(incoming), pending, work),
            Some(End::Server(server)) => act(server.process_tls_records(incoming), pending, work),
            None => {
                let what = "a panic has left the session half done";
                (0, Err(Error::General(what.to_owned())))
            }
        }
    }

    /// After the handshake a message, such as a ticket, may still be split over
    /// records; rustls counts on finding them again, also when it is asked to
    /// encrypt.
    fn note_undigested(&mut self, rest: &[u8]) -> Result<(), Error> {
        let has_whole_record = rest
            .get(3..5)
            .and_then(|len| len.try_into().ok())
            .is_some_and(|len| rest.len() - 5 >= usize::from(u16::from_be_bytes(len)));
        self.undigested = Vec::new();
        if has_whole_record && !self.is_handshaking() {
            if rest.len() > MAX_RECORD {
                let what = "the peer sent a message of more than 16 KiB that is no data";
                return Err(Error::General(what.to_owned()));
            }
            self.undigested = rest.to_vec();
        }
        Ok(())
    }

    /// Bytes of records that are kept here, too.
    pub(super) const fn held(&self) -> usize {
        self.undigested.capacity()
    }
}

/// Does what the state asks for, and `work` when it allows that.
fn act<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    pending: &mut Vec<u8>,
    work: &mut SessionWork<'_>,
) -> (usize, Result<Step, Error>) {
    let mut used = status.discard;
    let step = match (status.state, work) {
        (Err(error), _) => Err(error),
        (Ok(ConnectionState::ReadTraffic(traffic)), SessionWork::Decrypt(sink)) => {
            decrypt(traffic, sink, &mut used)
        }
        (Ok(ConnectionState::EncodeTlsData(mut data)), _) => {
            append(pending, |room| data.encode(room)).map(|()| Step::Taken)
        }
        (Ok(ConnectionState::TransmitTlsData(data)), _) => {
            data.done();
            Ok(Step::Taken)
        }
        (Ok(ConnectionState::WriteTraffic(traffic)), SessionWork::Encrypt(plaintext, outgoing)) => {
            outgoing.append(pending);
            pending.clear();
            encrypt(traffic, plaintext, outgoing)
        }
        (Ok(ConnectionState::WriteTraffic(mut traffic)), SessionWork::Close) => {
            append(pending, |room| traffic.queue_close_notify(room)).map(|()| Step::NeedsMore)
        }
        (
            Ok(ConnectionState::WriteTraffic(_) | ConnectionState::BlockedHandshake),
            SessionWork::Decrypt(_),
        ) => Ok(Step::NeedsMore),
        (Ok(ConnectionState::PeerClosed | ConnectionState::Closed), SessionWork::Decrypt(_)) => {
            Ok(Step::Closed)
        }
        (Ok(ConnectionState::BlockedHandshake), _) => Err(Error::HandshakeNotComplete),
        // No server here takes early data, nothing is decrypted but by reading,
        // and nothing is written behind the close.
        (Ok(state), _) => Err(Error::General(format!("unexpected state: {state:?}"))),
    };
    (used, step)
}

/// Hands the plaintext of the records that are there to `sink`, and adds their
/// bytes to `used`.
fn decrypt<Data>(
    mut traffic: ReadTraffic<'_, '_, Data>,
    sink: &mut dyn FnMut(&[u8]),
    used: &mut usize,
) -> Result<Step, Error> {
    while let Some(record) = traffic.next_record() {
        let record = record?;
        *used += record.discard;
        sink(record.payload);
    }
    Ok(Step::Taken)
}

/// Appends what `put` puts into the room that it asks for.
fn append<E>(
    records: &mut Vec<u8>,
    mut put: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), Error>
where
    E: Into<Room>,
{
    let start = records.len();
    loop {
        match put(records.get_mut(start..).unwrap_or_default()).map_err(Into::into) {
            Ok(len) => {
                records.truncate(start + len);
                return Ok(());
            }
            Err(Room(Ok(needed))) => records.resize(start + needed, 0),
            Err(Room(Err(error))) => return Err(error),
        }
    }
}

/// One record after the other, so that it is known where each ends.
fn encrypt<Data>(
    mut traffic: WriteTraffic<'_, Data>,
    plaintext: &[u8],
    outgoing: &mut Outgoing,
) -> Result<Step, Error> {
    for part in plaintext.chunks(MAX_PLAINTEXT) {
        let mut size = part.len() + 64;
        loop {
            match traffic.encrypt(part, outgoing.room(size)) {
                Ok(len) => break outgoing.add_record(len, part.len()),
                Err(error) => size = Room::from(error).0?,
            }
        }
    }
    Ok(Step::NeedsMore)
}

/// How much room is missing, or what else is wrong.
struct Room(Result<usize, Error>);

impl From<EncodeError> for Room {
    fn from(error: EncodeError) -> Self {
        Self(match error {
            EncodeError::InsufficientSize(size) => Ok(size.required_size),
            EncodeError::AlreadyEncoded => Err(Error::General(error.to_string())),
        })
    }
}

impl From<EncryptError> for Room {
    fn from(error: EncryptError) -> Self {
        Self(match error {
            EncryptError::InsufficientSize(size) => Ok(size.required_size),
            EncryptError::EncryptExhausted => Err(Error::General(error.to_string())),
        })
    }
}
