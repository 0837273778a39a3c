//! Options shared by all clients.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use proto::{Framing, MaxFrame, Wire};
use transport::{ClientTls, Dialer};

use super::{
    BufferArgs, ClientTlsArgs, CommonArgs,
    values::{parse_addr, parse_max_frame, parse_timeout},
};

/// Connection options of a client.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub struct ClientArgs {
    /// Server to connect to, as host:port
    #[arg(short = 'h', long, value_name = "ADDR", default_value = "127.0.0.1:60000", value_parser = parse_addr)]
    pub host: String,

    /// Send and receive raw bytes instead of frames
    #[arg(long)]
    pub raw: bool,

    /// Maximum wait for a connection to each address, TLS handshake included
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = parse_timeout)]
    pub connect_timeout: Duration,

    /// Maximum wait for a reply
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_timeout)]
    pub timeout: Duration,

    /// Maximum frame size to send and accept
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = parse_max_frame)]
    pub max_frame: MaxFrame,

    /// Send a CRC-32C checksum with every frame, and require it in replies
    #[arg(long, conflicts_with = "raw")]
    pub checksum: bool,

    /// Compress every frame that becomes smaller (LZ4)
    #[arg(long, conflicts_with = "raw")]
    pub compress: bool,

    /// Send an empty frame after this much silence; after as much again without a
    /// frame, the server counts as dead
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

/// The resolved settings of a client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Connects to the server.
    pub dialer: Dialer,
    /// The format of the bytes.
    pub wire: Wire,
    /// Maximum wait for a reply.
    pub timeout: Duration,
    /// Silence after which a heartbeat is sent.
    pub heartbeat: Option<Duration>,
    /// Maximum bytes per read; `None`: 64 KiB, or more for a larger frame.
    pub read_buffer: Option<usize>,
    /// Bytes to collect before a write; `None`: the program's default.
    pub write_buffer: Option<usize>,
    /// How long a read polls before it sleeps.
    pub spin: Duration,
}

impl ClientArgs {
    /// Resolves the options, and reads the files that they name.
    ///
    /// # Errors
    ///
    /// One line: the file that cannot be used, and why.
    pub fn resolve(&self) -> Result<ClientSettings> {
        Ok(self.resolve_with(self.tls.load()?))
    }

    /// Resolves the options with the given TLS settings.
    #[must_use]
    pub fn resolve_with(&self, tls: Option<ClientTls>) -> ClientSettings {
        let framing = Framing {
            max_frame: self.max_frame,
            checksum: self.checksum,
            compress: self.compress,
            // Replies are echoes of its own frames.
            require_checksum: self.checksum,
        };
        let mut dialer = Dialer::new(&self.host);
        dialer.timeout = self.connect_timeout;
        dialer.socket = self.buffers.socket();
        dialer.tls = tls;
        ClientSettings {
            dialer,
            wire: if self.raw {
                Wire::Raw
            } else {
                Wire::Framed(framing)
            },
            timeout: self.timeout,
            // Raw bytes have no heartbeat, not even by default.
            heartbeat: self.heartbeat.filter(|_| !self.raw),
            read_buffer: self.buffers.read_buffer,
            write_buffer: self.buffers.write_buffer,
            spin: self.buffers.spin,
        }
    }
}
