//! Consoles of other systems: they block, have a cursor, and have no signal to stop.

pub(crate) const fn make_blocking() -> bool {
    true
}

pub(crate) const fn has_cursor() -> bool {
    true
}

/// The line editor restores them.
pub(crate) struct Modes;

impl Modes {
    pub(crate) const fn now() -> Self {
        Self
    }

    #[allow(clippy::unused_self)] // The other one restores them.
    pub(crate) const fn restore(&self) {}
}

pub(crate) const fn leave_stopping_to_the_editor() {}

pub(crate) const fn take_over_stopping() {}

/// The editor cannot be interrupted; the program ends without it.
pub(crate) const fn interrupt_editor(_: &cli::signals::Stop) {}
