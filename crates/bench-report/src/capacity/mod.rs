//! The capacity of a server: the highest rate at which expectations hold.
//!
//! | file | what |
//! | --- | --- |
//! | `search` | which rate to try next, and when the answer is known |
//! | `report` | all probes and the answer: the schema of `--json` |
//! | `table` | the same as text |

mod report;
mod search;
mod table;

pub use report::{CapacityReport, Probe, ProbeOutcome};
pub use search::{Answer, Range, Search, SearchStep};
pub use table::CapacityTable;
