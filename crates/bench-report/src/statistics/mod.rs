//! Statistics of one run and of several.
//!
//! | file | what |
//! | --- | --- |
//! | `distribution` | the figures of a histogram of latencies |
//! | `percentile` | percentiles, and how many samples they take |
//! | `rank` | whether two sets of runs differ significantly |
//! | `spread` | median and extremes of several runs |

mod distribution;
pub(crate) mod percentile;
pub(crate) mod rank;
mod spread;

pub(crate) use distribution::distribution;
pub use distribution::{Bucket, Distribution, Point};
pub use spread::Spread;
