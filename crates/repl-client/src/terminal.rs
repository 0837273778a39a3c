//! The terminal, apart from what others do with it.

use std::io;

/// Makes reads and writes of the terminal block, as the line editor needs it,
/// or says that it cannot.
///
/// They do unless a program that shares the terminal set it to non-blocking:
/// that goes for the open file description, of which this program then opens
/// one of its own.
#[cfg(unix)]
pub(crate) fn make_blocking() -> bool {
    use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

    let stdin = blocking(io::stdin()).and_then(|own| own.map_or(Ok(()), dup2_stdin));
    let stdout = blocking(io::stdout()).and_then(|own| own.map_or(Ok(()), dup2_stdout));
    // The log may go elsewhere; it can do without.
    let _ = blocking(io::stderr()).and_then(|own| own.map_or(Ok(()), dup2_stderr));
    stdin.is_ok() && stdout.is_ok()
}

/// A description of its own for a terminal that does not block.
#[cfg(unix)]
fn blocking(stream: impl std::os::fd::AsFd) -> rustix::io::Result<Option<std::os::fd::OwnedFd>> {
    use rustix::{
        fs::{Mode, OFlags, fcntl_getfl, open},
        termios::ttyname,
    };

    if !fcntl_getfl(&stream)?.contains(OFlags::NONBLOCK) {
        return Ok(None);
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(ttyname(&stream, Vec::new())?, flags, Mode::empty()).map(Some)
}

/// Elsewhere consoles always block.
#[cfg(not(unix))]
pub(crate) const fn make_blocking() -> bool {
    true
}

/// What the terminal does with keys by itself, such as to show them.
#[cfg(unix)]
pub(crate) struct Modes(Option<rustix::termios::Termios>);

#[cfg(not(unix))]
pub(crate) struct Modes;

#[cfg(unix)]
impl Modes {
    pub(crate) fn now() -> Self {
        Self(rustix::termios::tcgetattr(io::stdin()).ok())
    }

    /// Sets them without waiting for what is still to be shown.
    pub(crate) fn restore(&self) {
        use rustix::termios::{OptionalActions, tcsetattr};

        if let Some(modes) = &self.0 {
            // Nothing is left to do about a terminal that is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}

#[cfg(not(unix))]
impl Modes {
    pub(crate) const fn now() -> Self {
        Self
    }

    pub(crate) const fn restore(&self) {}
}

/// Keeps SIGTSTP, by which Ctrl-Z stops a program, away from this thread and
/// those that it starts.
///
/// The line editor gives the terminal back, sends the signal to all, and takes
/// the terminal again once the program goes on. If another thread could handle
/// the signal, the editor would not wait for it: the program would stop with
/// the terminal taken.
#[cfg(unix)]
pub(crate) fn leave_stopping_to_the_editor() {
    let _ = stopping().thread_block();
}

/// The editor's part of it.
#[cfg(unix)]
pub(crate) fn take_over_stopping() {
    let _ = stopping().thread_unblock();
}

#[cfg(unix)]
fn stopping() -> nix::sys::signal::SigSet {
    nix::sys::signal::Signal::SIGTSTP.into()
}

#[cfg(not(unix))]
pub(crate) const fn leave_stopping_to_the_editor() {}

#[cfg(not(unix))]
pub(crate) const fn take_over_stopping() {}
