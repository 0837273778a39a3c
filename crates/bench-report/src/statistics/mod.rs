//! Statistics of one run and of several.
//!
//! | file | what |
//! | --- | --- |
//! | `batch` | confidence intervals of correlated samples |
//! | `distribution` | the figures of a histogram of latencies |
//! | `encoding` | histograms as text |
//! | `fit` | whether samples follow a distribution |
//! | `percentile` | percentiles, and how many samples they require |
//! | `precision` | how precisely a figure is known, during a run |
//! | `rank` | whether two sets of runs differ significantly |
//! | `spread` | median and extremes of several runs |

mod batch;
mod distribution;
mod encoding;
mod fit;
pub(crate) mod percentile;
mod precision;
pub(crate) mod rank;
mod spread;

pub(crate) use distribution::distribution;
pub use distribution::{Bucket, Distribution, Point};
pub use encoding::{decode, encode};
pub use fit::Fit;
pub use precision::{Precision, PrecisionWatch, Until};
pub use spread::Spread;
