//! `echo-client check`: whether a server is an echo server.

use anyhow::Result;
use transport::Dialer;

mod args;

pub(crate) use args::CheckArgs;

/// Checks a server.
pub(crate) fn run(args: &CheckArgs) -> Result<()> {
    let mut dialer = Dialer::new(&args.host);
    dialer.timeout = args.timeout;
    dialer.dial()?;
    let wire = if args.raw { "raw" } else { "framed" };
    cli::print(format_args!("{}, {wire}", args.host))
}
