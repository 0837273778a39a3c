//! A TCP echo server, one thread per connection, to run or to embed.
//!
//! | module | holds |
//! | --- | --- |
//! | `config` | a server's configuration |
//! | `server` | one server's life, from bind to summary |
//! | `accept` | the loop that accepts connections, whatever accept says |
//! | `accept_queue` | connections on their way from the kernel to their threads |
//! | `connection` | a connection as its thread and the watchdog share it |
//! | `connection/serve` | one connection's life: read, echo, close |
//! | `connection/incoming` | what it reads, up to its end |
//! | `connection/traffic` | what goes through it, counted |
//! | `close` | why a connection ended |
//! | `registry` | the connections alive now, and the statistics of all |
//! | `deadlines` | how long a connection may take for what |
//! | `limits` | how many connections the machine allows |
//! | `memory` | a budget for what connections hold |
//! | `watchdog` | the thread that ends what is past its deadline |
//! | `warnings` | warnings about peers, at most one per second for each reason |
//! | `reporter` | the thread that says every second what happened |
//! | `metrics` | the statistics for Prometheus, over HTTP |
//! | `metrics/exposition` | the same, in its formats |
//! | `metrics/request` | what a scraper asks for |
//! | `stats_writer` | the statistics as lines of JSON |
//! | `units` | sizes and times as a person writes them |
//!
//! # Examples
//!
//! ```
//! use std::{io::{Read, Write}, net::TcpStream, thread};
//!
//! use echo_server::{Config, Server};
//!
//! let server = Server::bind(&Config { listen: "127.0.0.1:0".into(), ..Config::default() })?;
//! let (addr, stop) = (server.local_addr(), server.stop_handle());
//! let serving = thread::spawn(|| server.serve());
//!
//! let mut stream = TcpStream::connect(addr)?;
//! stream.write_all(b"\0\0\0\x02hi")?;
//! let mut reply = [0; 6];
//! stream.read_exact(&mut reply)?;
//! assert_eq!(&reply, b"\0\0\0\x02hi");
//!
//! stop.stop();
//! let summary = serving.join().unwrap()?;
//! assert_eq!((summary.connections, summary.traffic.frames), (1, 1));
//! # Ok::<(), anyhow::Error>(())
//! ```

mod accept;
mod accept_queue;
mod close;
mod config;
mod connection;
mod deadlines;
mod limits;
mod memory;
mod metrics;
mod registry;
mod reporter;
mod server;
mod stats_writer;
mod units;
mod warnings;
mod watchdog;

pub use close::{CloseCounts, CloseReason};
pub use config::Config;
pub use connection::Traffic;
pub use deadlines::Deadlines;
pub use limits::{Cost, MaxConnections};
pub use registry::Stats;
pub use server::{Server, StopHandle, Summary};
pub use stats_writer::StatsTo;
