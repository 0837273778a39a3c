//! The parsers of values.

use std::net::IpAddr;

use bench_report::results::Arrivals;
use clap::ValueEnum;

/// Maximum messages in flight on a connection: memory for each is taken.
const MAX_PIPELINE: u64 = 1 << 20;

/// Least and most messages per second: one in a quarter of an hour, and one in
/// a nanosecond.
const RATES: std::ops::RangeInclusive<f64> = 1e-3..=1e9;

/// When the messages of an open loop are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ArrivalsArg {
    #[default]
    Uniform,
    Poisson,
}

impl From<ArrivalsArg> for Arrivals {
    fn from(arrivals: ArrivalsArg) -> Self {
        match arrivals {
            ArrivalsArg::Uniform => Self::Uniform,
            ArrivalsArg::Poisson => Self::Poisson,
        }
    }
}

pub(super) fn parse_pipeline(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count) if (1..=MAX_PIPELINE).contains(&count) => Ok(count),
        _ => Err(format!("expected a whole number from 1 to {MAX_PIPELINE}")),
    }
}

pub(super) fn parse_dscp(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(dscp) if dscp < 64 => Ok(dscp),
        _ => Err("expected a DSCP from 0 to 63, such as 46 (expedited forwarding)".to_owned()),
    }
}

pub(super) fn parse_source(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address, such as 192.0.2.1 or 2001:db8::1".to_owned())
}

pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    let (number, factor) = match text.strip_suffix('k') {
        Some(number) => (number, 1e3),
        None => match text.strip_suffix('M') {
            Some(number) => (number, 1e6),
            None => (text, 1.0),
        },
    };
    match number.parse::<f64>() {
        Ok(number) if RATES.contains(&(number * factor)) => Ok(number * factor),
        _ => Err("expected messages per second, such as 0.5, 5000, 50k or 1.5M".to_owned()),
    }
}

pub(super) fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        assert_eq!(parse_dscp("0"), Ok(0));
        assert_eq!(parse_dscp("63"), Ok(63));
        for bad in ["", "64", "-1", "ef", "256"] {
            assert!(parse_dscp(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        assert_eq!(parse_rate("50k"), Ok(50_000.0));
        assert_eq!(parse_rate("1.5M"), Ok(1_500_000.0));
        for bad in ["", "0", "-1", "x", "inf", "nan", "1e300", "k"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
