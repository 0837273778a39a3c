//! What people read of a run.

pub(crate) mod text;
