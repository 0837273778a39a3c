//! What a connection's thread reports to the conductor.

use std::{
    sync::{Arc, mpsc::Sender},
    thread,
};

use anyhow::{Result, anyhow};
use bench_report::ConnectionOutcome;

use super::{Failure, Failures, Link, Schedule};

/// A report of a connection's thread.
pub(super) enum ThreadReport {
    /// It could or could not open its connection.
    Opened(Result<Arc<Link>>),
    /// It has closed its connection and opened another.
    Reopened(Arc<Link>),
    /// It sends no more, and waits for nothing.
    Done(Box<Done>),
}

/// What one connection brought, its samples left out.
pub(super) struct Done {
    pub(super) index: u64,
    pub(super) failures: Failures,
    pub(super) tally: ConnectionOutcome,
    /// When its last reply or its failure came.
    pub(super) last_ns: u64,
    /// Messages left to send, and when.
    pub(super) left: u64,
    pub(super) schedule: Option<Schedule>,
}

impl Done {
    /// A connection that sent nothing and never will.
    pub(super) fn nothing(index: u64) -> Self {
        Self {
            index,
            failures: Failures::default(),
            tally: ConnectionOutcome::default(),
            last_ns: 0,
            left: 0,
            schedule: None,
        }
    }
}

/// The reports of a connection's thread. A panic is reported too: the conductor
/// would wait for the thread.
pub(super) struct Reports {
    to_conductor: Sender<ThreadReport>,
    index: u64,
    is_open: bool,
}

impl Reports {
    pub(super) fn new(to_conductor: &Sender<ThreadReport>, index: u64) -> Self {
        Self {
            to_conductor: to_conductor.clone(),
            index,
            is_open: false,
        }
    }

    pub(super) fn opened(&mut self, opened: Result<Arc<Link>>) {
        self.is_open = opened.is_ok();
        self.send(ThreadReport::Opened(opened));
    }

    pub(super) fn reopened(&self, link: Arc<Link>) {
        self.send(ThreadReport::Reopened(link));
    }

    pub(super) fn done(&self, done: Done) {
        self.send(ThreadReport::Done(Box::new(done)));
    }

    fn send(&self, report: ThreadReport) {
        // The other end is gone only once the run is over.
        let _ = self.to_conductor.send(report);
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        if self.is_open {
            let mut done = Done::nothing(self.index);
            done.failures.add(Failure::IoError);
            self.done(done);
        } else {
            self.opened(Err(anyhow!("the connection's thread panicked")));
        }
    }
}
