//! The state of the terminal, which other programs share.

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

/// Makes reads and writes of the terminal block, as the line editor requires; `false`
/// if that fails.
///
/// They do unless a program that shares the terminal has set it non-blocking. That is
/// a property of the open file description, so this program then opens its own.
pub(crate) fn make_blocking() -> bool {
    let stdin = blocking(io::stdin()).and_then(|own| own.map_or(Ok(()), dup2_stdin));
    let stdout = blocking(io::stdout()).and_then(|own| own.map_or(Ok(()), dup2_stdout));
    // The log works either way.
    let _ = blocking(io::stderr()).and_then(|own| own.map_or(Ok(()), dup2_stderr));
    stdin.is_ok() && stdout.is_ok()
}

/// A file description of its own, if the terminal's is non-blocking.
fn blocking(stream: impl AsFd) -> rustix::io::Result<Option<OwnedFd>> {
    if !fcntl_getfl(&stream)?.contains(OFlags::NONBLOCK) {
        return Ok(None);
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(ttyname(&stream, Vec::new())?, flags, Mode::empty()).map(Some)
}

/// Whether the terminal says what it is, so that its cursor can be moved.
pub(crate) fn has_cursor() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty())
}

/// The terminal's modes, such as the echo of keys.
pub(crate) struct Modes(Option<Termios>);

impl Modes {
    pub(crate) fn now() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }

    /// Sets them without waiting for pending output.
    pub(crate) fn restore(&self) {
        if let Some(modes) = &self.0 {
            // It fails for a terminal that is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}

/// Keeps SIGTSTP, by which Ctrl-Z stops a program, away from this thread and
/// those that it starts.
///
/// The line editor restores the terminal, sends the signal to the process, and sets the
/// terminal up again once the program continues. If another thread could handle the
/// signal, the editor would not wait for it, and the program would stop with the
/// terminal still set up.
pub(crate) fn leave_stopping_to_the_editor() {
    // It cannot fail for a valid signal.
    let _ = SigSet::from(Signal::SIGTSTP).thread_block();
}

/// Lets the calling thread, the editor's, handle SIGTSTP.
pub(crate) fn take_over_stopping() {
    let _ = SigSet::from(Signal::SIGTSTP).thread_unblock();
}

/// Wakes the line editor, which handles SIGINT while a line is edited. At other times
/// `stop` counts it, without effect.
pub(crate) fn interrupt_editor(stop: &Stop) {
    stop.be_patient(u32::MAX);
    // It cannot fail for a signal that is handled.
    let _ = low_level::raise(SIGINT);
}
