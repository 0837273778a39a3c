//! One end of TLS in memory: records in, records out.

use std::mem;

use rustls::{
    CommonState, Error, client::UnbufferedClientConnection, server::UnbufferedServerConnection,
};

use super::{
    outgoing::Outgoing,
    record::MAX_RECORD,
    step::{SessionWork, Step, act},
};

/// The `close_notify` alert (RFC 8446, section 6.1), before there are keys. It
/// shows a peer of another protocol that this end speaks TLS.
const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];

/// The state of TLS between two ends, without the buffers.
///
/// rustls decrypts in place and keeps nothing that was read, so all bytes
/// received from the peer are in [`Incoming`](super::incoming).
pub(super) struct TlsSession {
    /// `None` after a panic left it inconsistent: rustls would panic again.
    end: Option<Box<End>>,
    /// Records to send as a result of reads: handshake messages and alerts.
    pending: Vec<u8>,
    /// Why nothing more can be encrypted.
    failure: Option<Error>,
    is_closed: bool,
    /// A copy of complete records of an incomplete message.
    undigested: Vec<u8>,
}

enum End {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

impl End {
    fn common(&self) -> &CommonState {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
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
        let end = self.end.as_deref();
        end.is_none_or(|end| end.common().is_handshaking())
    }

    /// Takes at most one record from the front of `incoming` and passes its
    /// plaintext to `sink`. Returns how many bytes are used up, and the result.
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

    /// The placeholder for a session that a panic left inconsistent.
    pub(super) fn gone() -> Self {
        Self::new(None)
    }

    pub(super) fn is_server(&self) -> bool {
        matches!(self.end.as_deref(), Some(End::Server(_)))
    }

    /// Encrypts `plaintext`, after everything already queued.
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

    /// Queues a `close_notify`, unless this direction has ended.
    pub(super) fn close(&mut self) {
        if self.failure.is_some() || mem::replace(&mut self.is_closed, true) {
            return;
        }
        if !self.is_handshaking() {
            let _ = self.write(&mut SessionWork::Close);
        } else if let Some(end) = self.end.as_deref()
            && end.common().negotiated_cipher_suite().is_none()
        {
            self.pending.extend_from_slice(&CLOSE_NOTIFY);
        } // else it cannot be encrypted yet
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

    /// Takes the queued records.
    pub(super) fn take_pending(&mut self) -> Vec<u8> {
        mem::take(&mut self.pending)
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Collects what rustls has to send. It returns that before it processes
    /// any input.
    pub(super) fn collect(&mut self) {
        let wants_write = |end: &End| end.common().wants_write();
        while self.end.as_deref().is_some_and(wants_write) {
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

    /// After the handshake a message, such as a ticket, may be split over
    /// records; rustls expects to get them again on the next call, also on a
    /// call to encrypt.
    fn note_undigested(&mut self, rest: &[u8]) -> Result<(), Error> {
        let has_whole_record = rest
            .get(3..5)
            .and_then(|len| len.try_into().ok())
            .is_some_and(|len| rest.len() - 5 >= usize::from(u16::from_be_bytes(len)));
        self.undigested = Vec::new();
        if has_whole_record && !self.is_handshaking() {
            if rest.len() > MAX_RECORD {
                let what = "the peer sent a message of more than 16 KiB other than data";
                return Err(Error::General(what.to_owned()));
            }
            self.undigested = rest.to_vec();
        }
        Ok(())
    }

    /// Bytes of records copied here.
    pub(super) const fn held(&self) -> usize {
        self.undigested.capacity()
    }
}
