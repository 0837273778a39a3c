//! Options that several programs share, and the parsers of their values.

use std::{net::Ipv6Addr, time::Duration};

use anyhow::Result;
use clap::{ArgAction, Args};
use proto::{Framing, MaxFrame, Wire};

use crate::{ClientTls, ClientTlsArgs, Dialer, SocketOptions, cli::UsageError};

/// What every client is told about its connection.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub struct ClientArgs {
    /// Server to talk to, as host:port
    #[arg(short = 'h', long, value_name = "ADDR", default_value = "127.0.0.1:60000", value_parser = parse_addr)]
    pub host: String,

    /// Send and receive bare bytes instead of frames
    #[arg(long)]
    pub raw: bool,

    /// Longest wait for a connection, TLS handshake included, for each
    /// address tried
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = parse_timeout)]
    pub connect_timeout: Duration,

    /// Longest wait for a reply
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_timeout)]
    pub timeout: Duration,

    /// Largest frame to send or accept
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = parse_size)]
    pub max_frame: u64,

    /// Send a CRC-32C checksum with every frame
    #[arg(long, conflicts_with = "raw")]
    pub checksum: bool,

    /// Compress every frame that gets smaller by it (LZ4)
    #[arg(long, conflicts_with = "raw")]
    pub compress: bool,

    /// Send an empty frame after that much silence; give the server up when
    /// as much again passes without a frame
    #[arg(long, value_name = "DUR", value_parser = parse_timeout, conflicts_with = "raw")]
    pub heartbeat: Option<Duration>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: CommonArgs,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub buffers: BufferArgs,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub tls: ClientTlsArgs,
}

impl ClientArgs {
    /// What the bytes mean. The limit is checked even where `--raw` leaves it
    /// unused. A client that sends checksums requires them of the replies, which
    /// are its own frames.
    ///
    /// # Errors
    ///
    /// A usage error that says what a limit can be.
    pub fn wire(&self) -> Result<Wire> {
        let max_frame = MaxFrame::new(self.max_frame)
            .map_err(|error| UsageError(format!("--max-frame: {error}")))?;
        Ok(if self.raw {
            Wire::Raw
        } else {
            Wire::Framed(Framing {
                max_frame,
                checksum: self.checksum,
                compress: self.compress,
                require_checksum: self.checksum,
            })
        })
    }

    /// How to reach the server.
    ///
    /// # Errors
    ///
    /// One line that says which file of certificates is no good.
    pub fn dialer(&self) -> Result<Dialer> {
        Ok(Dialer {
            tls: self.tls.load()?,
            ..self.plain_dialer()
        })
    }

    /// The same without encryption, whatever was asked for.
    #[must_use]
    pub fn plain_dialer(&self) -> Dialer {
        Dialer {
            host: self.host.clone(),
            timeout: self.connect_timeout,
            socket: self.buffers.socket(),
            tls: ClientTls::default(),
        }
    }
}

/// How much is read and written at once, and what the sockets are told.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Buffering")]
pub struct BufferArgs {
    /// Most bytes that one read takes [default: 64KiB, and more for a frame
    /// that is larger]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    pub read_buffer: Option<usize>,

    /// Bytes to collect before a write; what is there is written at the
    /// latest before waiting for the peer
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    pub write_buffer: Option<usize>,

    /// The socket's own buffer for sending [default: the system's]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    send_buffer: Option<usize>,

    /// The socket's own buffer for receiving [default: the system's]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    recv_buffer: Option<usize>,

    /// Let Nagle's algorithm hold small writes back
    #[arg(long)]
    no_nodelay: bool,
}

impl BufferArgs {
    /// What the sockets are told.
    #[must_use]
    pub const fn socket(self) -> SocketOptions {
        SocketOptions {
            send_buffer: self.send_buffer,
            recv_buffer: self.recv_buffer,
            nagle: self.no_nodelay,
        }
    }
}

/// What every program has.
#[derive(Args, Clone, Copy, Debug)]
pub struct CommonArgs {
    /// Log more (-v messages, -vv more); `RUST_LOG` overrides
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Parses `host:port`; an IPv6 address stands in brackets, with the zone of a
/// link-local one.
///
/// # Errors
///
/// What was expected, in one line.
pub fn parse_addr(text: &str) -> Result<String, String> {
    let is_addr = text.rsplit_once(':').is_some_and(|(host, port)| {
        let ipv6 = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_host = match ipv6 {
            Some(ipv6) => is_ipv6(ipv6),
            None => !host.is_empty() && !host.contains(':'),
        };
        is_host && port.parse::<u16>().is_ok()
    });
    if is_addr {
        Ok(text.to_owned())
    } else {
        Err(
            "expected host:port, such as 127.0.0.1:60000, [::1]:60000 or [fe80::1%eth0]:60000"
                .to_owned(),
        )
    }
}

/// Whether a text is an IPv6 address, with or without a zone.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "-"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

/// The longest duration that any option takes: 100 years of 365.25 days. An
/// instant so far ahead can still be computed, and so can the sum of a few.
pub const MAX_DURATION: Duration = Duration::from_hours(876_600);

/// Parses a duration above zero: `500ms`, `10s`, `5m`.
///
/// # Errors
///
/// What was expected, in one line.
pub fn parse_timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration > MAX_DURATION => {
            Err("expected a duration of at most 100 years".to_owned())
        }
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a duration above zero, such as 500ms, 10s or 5m".to_owned()),
    }
}

/// Parses a whole number of at least 1.
///
/// # Errors
///
/// What was expected, in one line.
pub fn parse_count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

/// Parses a size in bytes of at least 1: `4096`, `64k`, `8MiB`. All units are
/// powers of 1024, with or without the `i`.
///
/// # Errors
///
/// What was expected, in one line.
pub fn parse_size(text: &str) -> Result<u64, String> {
    // The library adds digits up unchecked; so many fit into 64 bits.
    let is_safe = text.bytes().filter(u8::is_ascii_digit).count() <= 19;
    let with_unit = || parse_size::Config::new().with_binary().parse_size(text);
    text.parse()
        .ok()
        .or_else(|| is_safe.then(with_unit)?.ok())
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "expected a size of at least 1 byte, such as 4096, 64k or 8MiB".to_owned())
}

/// Largest buffer, in bytes: no frame fills more (2^28, the header's length
/// field), and the kernel takes no more than an `int`.
const MAX_BUFFER: u64 = 1 << 28;

/// Parses the size of a buffer, at most [`MAX_BUFFER`].
fn parse_buffer(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        bytes if bytes <= MAX_BUFFER => usize::try_from(bytes).map_err(|error| error.to_string()),
        _ => Err(format!("expected at most {MAX_BUFFER} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "127.0.0.1:60000",
            "localhost:1",
            "[::1]:0",
            "[fe80::1%eth0]:60000",
            "[fe80::1%2]:60000",
            "a.example:65535",
        ] {
            assert_eq!(parse_addr(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "60000",
            ":60000",
            "host",
            "host:",
            "host:65536",
            "::1:80",
            "[::1]80",
            "[::1",
            "[eth0]:80",
            "[fe80::1%]:80",
            "[127.0.0.1%lo]:80",
            "host:-1",
        ] {
            assert!(parse_addr(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_timeout("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_timeout("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_timeout("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(parse_timeout("100y"), Ok(MAX_DURATION));
        let absurd = ["100y 1ns", "584542y", "18446744073709551615s"];
        let bad = ["", "0s", "10", "-1s", "s", "99999999999999999999s"];
        for bad in bad.into_iter().chain(absurd) {
            let error = parse_timeout(bad).err();
            assert!(
                error.is_some_and(|error| error.starts_with("expected")),
                "{bad}"
            );
        }
        for absurd in absurd {
            let error = parse_timeout(absurd).err();
            assert!(
                error.is_some_and(|error| error.contains("100 years")),
                "{absurd}"
            );
        }
    }

    #[test]
    fn counts() {
        assert_eq!(parse_count("1"), Ok(1));
        for bad in ["", "0", "-1", "1.5", "x", "99999999999999999999"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("1"), Ok(1));
        assert_eq!(parse_size("64k"), Ok(65_536));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("8MiB"), Ok(8_388_608));
        assert_eq!(parse_size("10000000000000000000"), Ok(10_u64.pow(19)));
        assert_eq!(parse_size("18446744073709551615"), Ok(u64::MAX));
        for bad in [
            "",
            "0",
            "-1",
            "k",
            "1x",
            "99999999999E",
            "18446744073709551616",
            "000000018446744073709551615709551615m",
        ] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
