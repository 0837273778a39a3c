//! Which failure it is that ends a connection.

use std::{io, sync::atomic::Ordering};

use proto::{Error, FrameError};

use super::LoadConnection;
use crate::load::failure::Failure;

impl LoadConnection<'_> {
    /// Why the stream has ended.
    pub(super) fn failure_of_close(&self) -> Failure {
        if self.link.overdue.load(Ordering::Relaxed) {
            Failure::Timeout
        } else if self.is_split || self.replies.is_inside_reply() {
            Failure::Short
        } else {
            Failure::Closed
        }
    }

    pub(super) fn failure_of(&self, error: &Error) -> Failure {
        match error {
            Error::Io(error) => self.failure_of_io(error),
            Error::Refused { error, .. } => self.failure_of_frame(error),
            Error::Truncated { .. } => self.failure_of_close(),
            _ => Failure::IoError,
        }
    }

    fn failure_of_frame(&self, error: &FrameError) -> Failure {
        match error {
            FrameError::BadChecksum { .. } | FrameError::BadCompression { .. } => Failure::Corrupt,
            // A frame, and larger than any that was sent.
            FrameError::TooLarge { len, .. } if self.shared.plan.allows(*len) => Failure::Extra,
            _ => Failure::NotAFrame,
        }
    }

    pub(super) fn failure_of_io(&self, error: &io::Error) -> Failure {
        match error.kind() {
            _ if self.link.overdue.load(Ordering::Relaxed) => Failure::Timeout,
            // What a write says after the reset.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Failure::Reset,
            _ => Failure::IoError,
        }
    }
}
