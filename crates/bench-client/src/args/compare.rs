//! The options of `compare`.

use clap::{ArgAction, Args};

/// Compares two sides of one or more saved runs
#[derive(Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    /// Results of the first side: a file, or several with commas between them
    #[arg(value_name = "A.json[,...]")]
    pub(crate) a: String,

    /// Results of the second side
    #[arg(value_name = "B.json[,...]")]
    pub(crate) b: String,

    /// Compare runs whose arguments differ
    #[arg(long)]
    pub(crate) force: bool,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}
