//! Statistics of one run and of several.
//!
//! | file | what |
//! | --- | --- |
//! | `batch` | confidence intervals of correlated samples |
//! | `distribution` | the figures of a histogram of latencies |
//! | `encoding` | histograms as text |
//! | `fit` | whether samples follow a distribution |
//! | `percentile` | percentiles, and how many samples they require |
//! | `precision` | how precisely a figure is to be known, and is |
//! | `rank` | whether two sets of runs differ significantly |
//! | `spread` | median and extremes of several runs |
//! | `watch` | checks that precision during a run |

mod batch;
mod distribution;
mod encoding;
mod fit;
pub(crate) mod percentile;
mod precision;
pub(crate) mod rank;
mod spread;
mod watch;

pub(crate) use distribution::distribution;
pub use distribution::{Bucket, Distribution, Point};
pub use encoding::{decode, encode};
pub use fit::Fit;
pub use precision::{Precision, Until};
pub use spread::Spread;
pub use watch::PrecisionWatch;
