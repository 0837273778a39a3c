//! The terminal, apart from what others do with it.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use cli::signals::Stop;
use nix::sys::signal::{SigSet, Signal};
use rustix::{
    fs::{Mode, OFlags, fcntl_getfl, open},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr, ttyname},
};
use signal_hook::{consts::SIGINT, low_level};

/// Makes reads and writes of the terminal block, as the line editor needs it,
/// or says that it cannot.
///
/// They do unless a program that shares the terminal set it to non-blocking:
/// that goes for the open file description, of which this program then opens
/// one of its own.
pub(crate) fn make_blocking() -> bool {
    let stdin = blocking(io::stdin()).and_then(|own| own.map_or(Ok(()), dup2_stdin));
    let stdout = blocking(io::stdout()).and_then(|own| own.map_or(Ok(()), dup2_stdout));
    // The log may go elsewhere; it can do without.
    let _ = blocking(io::stderr()).and_then(|own| own.map_or(Ok(()), dup2_stderr));
    stdin.is_ok() && stdout.is_ok()
}

/// A description of its own for a terminal that does not block.
fn blocking(stream: impl AsFd) -> rustix::io::Result<Option<OwnedFd>> {
    if !fcntl_getfl(&stream)?.contains(OFlags::NONBLOCK) {
        return Ok(None);
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(ttyname(&stream, Vec::new())?, flags, Mode::empty()).map(Some)
}

/// Whether it says that it can do more than show text.
pub(crate) fn has_cursor() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty())
}

/// What the terminal does with keys by itself, such as to show them.
pub(crate) struct Modes(Option<Termios>);

impl Modes {
    pub(crate) fn now() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }

    /// Sets them without waiting for what is still to be shown.
    pub(crate) fn restore(&self) {
        if let Some(modes) = &self.0 {
            // Nothing is left to do about a terminal that is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}

/// Keeps SIGTSTP, by which Ctrl-Z stops a program, away from this thread and
/// those that it starts.
///
/// The line editor gives the terminal back, sends the signal to all, and takes
/// the terminal again once the program goes on. If another thread could handle
/// the signal, the editor would not wait for it: the program would stop with
/// the terminal taken.
pub(crate) fn leave_stopping_to_the_editor() {
    // It fails for no signal that there is.
    let _ = SigSet::from(Signal::SIGTSTP).thread_block();
}

/// The editor's part of it.
pub(crate) fn take_over_stopping() {
    let _ = SigSet::from(Signal::SIGTSTP).thread_unblock();
}

/// Wakes the line editor up, which handles SIGINT while a line is edited. At other
/// times nothing comes of it: `stop` counts it.
pub(crate) fn interrupt_editor(stop: &Stop) {
    stop.be_patient(u32::MAX);
    // It cannot fail for a signal that is handled.
    let _ = low_level::raise(SIGINT);
}
