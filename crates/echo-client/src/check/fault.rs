//! Why a rule does not hold.

use anyhow::Error;

/// Whether a server does what a rule expects of it.
pub(super) type Outcome<T = ()> = Result<T, Fault>;

/// Why it does not.
pub(super) enum Fault {
    /// The server's: what came in place of what was due.
    Server(String),
    /// This host's, which tells nothing about the server.
    Own(Error),
}

impl Fault {
    /// Tells where a server's came, too.
    pub(super) fn on(self, place: &str) -> Self {
        match self {
            Self::Server(came) => Self::Server(format!("{place}, {came}")),
            own @ Self::Own(_) => own,
        }
    }
}

impl From<String> for Fault {
    fn from(came: String) -> Self {
        Self::Server(came)
    }
}

impl From<&str> for Fault {
    fn from(came: &str) -> Self {
        Self::Server(came.to_owned())
    }
}
