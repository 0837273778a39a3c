//! What the threads of a run share.

use std::sync::atomic::AtomicBool;

use super::{Connects, Gate, Shard, Slowest, Window, clock::nanos, payload};
use crate::plan::{Pace, RunPlan};

/// Collections of samples. Threads meet at their locks once in some hundred
/// replies, so a few are enough.
const SHARDS: usize = 8;

/// What the threads of a run share.
pub(super) struct Shared {
    pub(super) plan: RunPlan,
    pub(super) gate: Gate,
    pub(super) window: Window,
    /// Whether the load began after it was to: what was due before is not sent.
    pub(super) is_late: AtomicBool,
    /// Replies are not waited for any more.
    pub(super) is_abandoned: AtomicBool,
    pub(super) shards: [Shard; SHARDS],
    pub(super) slowest: Slowest,
    pub(super) connects: Connects,
    pub(super) body: Vec<u8>,
}

impl Shared {
    pub(super) fn new(plan: &RunPlan) -> Self {
        let has_schedule = plan.pace() != Pace::Closed;
        let largest = usize::try_from(plan.sizes.largest()).unwrap_or(usize::MAX);
        let from_ns = nanos(plan.arguments.warmup);
        let duration = plan.arguments.duration;
        let end_ns = duration.map(|duration| from_ns.saturating_add(nanos(duration)));
        Self {
            plan: plan.clone(),
            gate: Gate::default(),
            window: Window::new(from_ns, end_ns),
            is_late: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            shards: std::array::from_fn(|_| Shard::new(has_schedule)),
            slowest: Slowest::default(),
            connects: Connects::default(),
            // Another rank's bytes behind a mark of ours are wrong, too.
            body: payload::body(
                largest,
                plan.arguments.seed.wrapping_add(plan.rank.rank()),
                plan.arguments.entropy,
            ),
        }
    }

    /// Where connection `index` puts its samples.
    pub(super) fn shard(&self, index: u64) -> &Shard {
        &self.shards[usize::try_from(index).unwrap_or(0) % SHARDS]
    }
}
