//! What a rule found out about a server.

/// What was sent and came back; or what came instead.
pub(super) type Finding = Result<String, Breach>;

/// How a rule is broken.
pub(super) struct Breach {
    pub(super) sent: String,
    pub(super) came: String,
}

/// Of what is reported, only what came.
impl From<String> for Breach {
    fn from(came: String) -> Self {
        let sent = String::new();
        Self { sent, came }
    }
}

/// The finding about what was sent, by what came.
pub(super) fn finding(sent: impl Into<String>, outcome: Result<(), String>) -> Finding {
    let sent = sent.into();
    match outcome {
        Ok(()) => Ok(sent),
        Err(came) => Err(Breach { sent, came }),
    }
}
