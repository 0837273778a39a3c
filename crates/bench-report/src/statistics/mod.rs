//! Statistics of one run and of several.
//!
//! | file | what |
//! | --- | --- |
//! | `distribution` | the figures of a histogram of latencies |
//! | `fit` | whether samples are those of a distribution |
//! | `percentile` | percentiles, and how many samples they take |
//! | `rank` | whether two sets of runs differ significantly |
//! | `spread` | median and extremes of several runs |

mod distribution;
mod fit;
pub(crate) mod percentile;
pub(crate) mod rank;
mod spread;

pub(crate) use distribution::distribution;
pub use distribution::{Bucket, Distribution, Point};
pub use fit::Fit;
pub use spread::Spread;
