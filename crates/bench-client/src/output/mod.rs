//! What people read of a run.

pub(crate) mod histogram;
mod latencies;
pub(crate) mod page;
pub(crate) mod summary;
pub(crate) mod text;
