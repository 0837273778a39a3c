//! The overhead of options: the same load with each of them alone, in turn.
//!
//! | file | what |
//! | --- | --- |
//! | `run` | the key figures of one run |
//! | `row` | the runs of one variant summed up |
//! | `report` | all runs and rows: the schema of `--json` |
//! | `table` | the rows as text |

mod report;
mod row;
mod run;
mod table;

pub use report::OverheadReport;
pub use run::{CONTROL, OverheadRun, PLAIN};
pub use table::OverheadTable;
