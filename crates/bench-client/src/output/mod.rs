//! What people read of a run.

pub(crate) mod generate;
pub(crate) mod hdr_log;
pub(crate) mod histogram;
mod latencies;
pub(crate) mod live;
pub(crate) mod page;
pub(crate) mod summary;
pub(crate) mod text;
