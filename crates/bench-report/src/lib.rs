//! The results of round-trip measurements: statistics, the verdict, text, files,
//! comparisons. It generates no load and knows no sockets.
//!
//! | module | what |
//! | --- | --- |
//! | [`results`] | the schema of the results |
//! | `outcome` | from the outcome of a load to its results |
//! | [`statistics`] | distributions, percentiles, rank tests |
//! | `verdict` | whether the figures can be relied on |
//! | `expect` | `--expect`: parsing and checking |
//! | `live`, `summary` | text during a run, and at its end |
//! | [`export`] | files: JSON, HDR log, page |
//! | [`merge`] | the results of all ranks as those of one run |
//! | `saved` | results read back from files |
//! | `compare` | two sides of one or more runs each |
//! | [`overhead`] | the same load with one more option in turn |
//! | [`capacity`] | the highest rate at which expectations hold |
//! | `format` | numbers, times and paragraphs as text |

pub mod capacity;
mod compare;
mod expect;
pub mod export;
mod format;
mod live;
pub mod merge;
mod outcome;
pub mod overhead;
pub mod results;
mod saved;
pub mod statistics;
mod summary;
mod verdict;

pub use compare::compare;
pub use expect::Expect;
pub use live::Live;
pub use outcome::{ConnectionOutcome, CpuTime, LoadOutcome};
pub use results::Results;
pub use summary::RunSummary;
