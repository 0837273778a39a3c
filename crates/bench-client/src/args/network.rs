//! The options of the connections in the network.

use std::net::IpAddr;

use clap::{ArgAction, Args, builder::NonEmptyStringValueParser};
use cli::UsageError;
use transport::{IpVersion, NetworkOptions};

use super::values::{parse_dscp, parse_source};

/// How the connections under test go through the network.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(super) struct NetworkArgs {
    /// Use IPv4 addresses only
    #[arg(short = '4', long, action = ArgAction::SetTrue, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 addresses only
    #[arg(short = '6', long, action = ArgAction::SetTrue)]
    ipv6: bool,

    /// Connect from these local addresses, in turn [default: the system's choice]
    #[arg(long = "source", value_name = "ADDR[,ADDR]", value_delimiter = ',')]
    #[arg(value_parser = parse_source)]
    pub(super) sources: Vec<IpAddr>,

    /// Congestion control algorithm [default: the system's]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) congestion: Option<String>,

    /// Class of the packets sent, 0 to 63; 46 is expedited forwarding [default:
    /// the system's]
    #[arg(long, value_name = "N", value_parser = parse_dscp)]
    pub(super) dscp: Option<u8>,
}

impl NetworkArgs {
    /// 4 or 6, if only one of them is to be used.
    pub(super) fn ip_version(&self) -> Option<u8> {
        match self.version()? {
            IpVersion::V4 => Some(4),
            IpVersion::V6 => Some(6),
        }
    }

    fn version(&self) -> Option<IpVersion> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(IpVersion::V4),
            (_, true) => Some(IpVersion::V6),
            _ => None,
        }
    }

    /// The options of every connection: the source is its own.
    pub(super) fn options(&self) -> NetworkOptions {
        let mut options = NetworkOptions::default();
        options.version = self.version();
        options.congestion.clone_from(&self.congestion);
        options.dscp = self.dscp;
        options
    }

    /// Checks that all sources can be used.
    ///
    /// # Errors
    ///
    /// A source that is not one host's, or of a version that is not to be used.
    pub(super) fn check(&self, with_server: bool) -> Result<(), UsageError> {
        // The system takes these too, and chooses an address itself.
        let not_one_host = |source: &&IpAddr| match source {
            _ if source.is_unspecified() || source.is_multicast() => true,
            IpAddr::V4(source) => source.is_broadcast(),
            IpAddr::V6(_) => false,
        };
        if let Some(source) = self.sources.iter().find(not_one_host) {
            let what = format!("--source: {source} is not the address of one host");
            return Err(UsageError(what));
        }
        let has_both =
            self.sources.iter().any(IpAddr::is_ipv4) && self.sources.iter().any(IpAddr::is_ipv6);
        if with_server && has_both {
            // Its server has one address.
            let what = "--source: expected IPv4 or IPv6 addresses, not both, with --with-server";
            return Err(UsageError(what.to_owned()));
        }
        let Some(version) = self.version() else {
            return Ok(());
        };
        let is_other = |source: &&IpAddr| source.is_ipv6() != (version == IpVersion::V6);
        match self.sources.iter().find(is_other) {
            Some(source) => Err(UsageError(format!(
                "--source: {source} is not an IPv{} address",
                self.ip_version().unwrap_or_default()
            ))),
            None => Ok(()),
        }
    }
}
