//! The begin of a load: its connections open, and then it starts.

use std::{
    net::Shutdown,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Result, anyhow};
use cli::format::Quantity;

use super::{Conductor, Progress};
use crate::load::{
    Clock, Link,
    failure::{Failure, dial_failure},
};

/// How much later than planned a load may begin and still be on time: its
/// messages catch up.
const ON_TIME_NS: u64 = 10_000_000;

impl Conductor<'_> {
    /// There was no thread for a connection.
    pub(in crate::load) fn lacks_thread(&mut self) {
        self.opening -= 1;
        self.not_opened.add(Failure::Thread);
    }

    /// Whether the load can begin.
    pub(super) fn is_ready(&self) -> bool {
        let is_ramp = !self.shared.plan.arguments.ramp.is_zero();
        let is_open = self.opening == 0 && !self.links.is_empty();
        (is_ramp || is_open) && self.start.is_none_or(|start| start <= Instant::now())
    }

    /// Lets the load begin.
    pub(in crate::load) fn start(&mut self) {
        self.view_before = self.view();
        let clock = self.start.map_or_else(Clock::start, Clock::since);
        let now_ns = clock.now_ns();
        let late_ns = if now_ns > ON_TIME_NS { now_ns } else { 0 };
        let started = match self.shared.plan.start_at {
            Some(at) => at - self.shared.plan.arguments.warmup,
            None => SystemTime::now() - Duration::from_nanos(now_ns),
        };
        self.note_late(late_ns);
        self.watch.started(started);
        self.shared.gate.open(clock);
        let mut progress = Progress::new(started, clock, late_ns);
        self.advance(&mut progress, late_ns);
        self.progress = Some(progress);
    }

    /// Opening connections may have taken longer than there was time for.
    fn note_late(&mut self, late_ns: u64) {
        if late_ns == 0 {
            return;
        }
        self.shared.is_late.store(true, Ordering::Relaxed);
        let delay_ns = self.shared.window.delay(late_ns);
        if let Some(bulk) = &mut self.bulk {
            bulk.delay(delay_ns);
        }
        if delay_ns == 0 {
            let late = Quantity::from(Duration::from_nanos(late_ns));
            tracing::warn!("connections were opened late: the warm-up is {late} shorter");
        } else {
            let delay = Quantity::from(Duration::from_nanos(delay_ns));
            tracing::warn!("connections were opened late: measuring {delay} after --start-at");
        }
    }

    /// It is an error if no connection was opened, once that is `final`.
    pub(super) fn check_opened(&mut self, is_final: bool) -> Result<()> {
        if !is_final || !self.links.is_empty() {
            return Ok(());
        }
        self.shared.gate.close();
        let error = self.first_error.take();
        Err(error.unwrap_or_else(|| match self.not_opened.total() {
            0 => anyhow!("the run ended before a connection was open"),
            _ => anyhow!("no thread could be started"),
        }))
    }

    pub(super) fn warn_of_missing(&self) {
        if let Some(error) = &self.first_error {
            let (opened, asked) = (self.links.len(), self.shared.plan.connections());
            tracing::warn!("{opened} of {asked} connections: {error:#}");
        }
    }

    pub(super) fn opened(&mut self, opened: Result<Arc<Link>>) {
        self.opening -= 1;
        match opened {
            Ok(link) => {
                let place = self.place(link.index).unwrap_or_else(|place| place);
                self.links.insert(place, link);
                self.running += 1;
            }
            Err(error) => {
                self.not_opened.add(dial_failure(&error));
                self.first_error.get_or_insert(error);
            }
        }
    }

    /// A connection was closed, and another has its place.
    pub(super) fn reopened(&mut self, link: Arc<Link>) {
        if self.shared.is_abandoned.load(Ordering::Relaxed) {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
        let place = self.place(link.index).ok();
        if let Some(old) = place.and_then(|place| self.links.get_mut(place)) {
            *old = link;
        }
    }

    /// Where the connection of this index is, or would be: they are in its order.
    fn place(&self, index: u64) -> Result<usize, usize> {
        self.links.binary_search_by_key(&index, |link| link.index)
    }
}
