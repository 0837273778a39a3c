//! One step of a TLS session: what rustls' state allows, and what its peer sent.

use rustls::{
    Error,
    unbuffered::{
        ConnectionState, EncodeError, EncryptError, ReadTraffic, UnbufferedStatus, WriteTraffic,
    },
};

use super::{outgoing::Outgoing, record::MAX_PLAINTEXT};

/// The result of processing some bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Some bytes were processed; there may be more.
    Taken,
    /// The rest of a record or of a message is missing.
    NeedsMore,
    /// The peer sent a `close_notify`.
    Closed,
}

/// The operation to do on the session.
pub(super) enum SessionWork<'a> {
    Decrypt(&'a mut dyn FnMut(&[u8])),
    Encrypt(&'a [u8], &'a mut Outgoing),
    Close,
}

/// Does what the state requires, and `work` when the state allows it.
pub(super) fn act<Data>(
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
        // The server accepts no early data, only reads decrypt, and nothing is
        // written after the close.
        (Ok(state), _) => Err(Error::General(format!("unexpected state: {state:?}"))),
    };
    (used, step)
}

/// Passes the plaintext of available records to `sink`, and adds their bytes to
/// `used`.
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

/// Appends the output of `put`, growing the room as it requires.
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

/// Encrypts one record at a time, so that the end of each is known.
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

/// The room required, or another error.
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
