//! The overhead of options: the same load with each of them alone, in turn.
//!
//! | file | what |
//! | --- | --- |
//! | `report` | all runs and rows: the schema of `--json` |
//! | `row` | the runs of one row summed up |
//! | `table` | the rows as text |

mod report;
mod row;
mod table;

pub use report::{OverheadReport, OverheadRun};
pub use table::OverheadTable;

/// The row that all others are compared with.
pub const PLAIN: &str = "plain";

/// The same once more, for what differs without a reason. In every repeat it
/// is the run farthest from [`PLAIN`], so it has the most noise of all.
pub const CONTROL: &str = "plain again";
