//! A TCP echo server, one thread per connection, to run or to embed.
//!
//! # Threads
//!
//! ```text
//!  the caller of serve             one thread per connection
//!  +-----------------------+       +-------------------------------+
//!  | listener              |       | handshake (TLS)               |
//!  |   -> accept_queue     | spawn | loop: read -> whole frames    |
//!  |   -> limits, memory   |------>|            -> write           |
//!  +-----------------------+       | close reason, linger          |
//!              | register          +-------------------------------+
//!              v                      | counters, phase: atomics that
//!       +--------------+              | this thread alone writes
//!       |   registry   |<-------------+
//!       +--------------+
//!          |   |    |
//!          |   |    +--> metrics: HTTP for Prometheus, at most 8 scrapers
//!          |   +-------> reporter: every second, to the log and --stats
//!          +-----------> watchdog: closes expired connections, joins threads
//! ```
//!
//! With TLS, one more thread per CPU computes handshakes. The hot path takes no
//! lock that connections share; over plain TCP it reads no clock, and allocates
//! only while the buffer grows. Without connections the watchdog sleeps, and so
//! does the reporter unless it writes statistics.
//!
//! # The path of a message
//!
//! 1. `accept` drains the kernel's queue into `accept_queue` and starts one
//!    thread per connection if `limits` and `memory` allow.
//! 2. `connection/serve` reserves memory for the next read, reads through
//!    `connection/input`, and gets all complete frames from [`proto::Reader`].
//! 3. It writes them back from the read buffer in one write and counts them in
//!    `connection/traffic`.
//! 4. The connection's thread, the `watchdog` or a stop ends the connection:
//!    the first [`CloseReason`] counts. The `registry` counts it once the
//!    thread is joined.
//!
//! # Examples
//!
//! ```
//! use std::{io::{Read, Write}, net::TcpStream, thread};
//!
//! use echo_server::{Config, Server};
//!
//! let mut config = Config::default();
//! config.listen = "127.0.0.1:0".into();
//! let server = Server::bind(&config)?;
//! let (addr, handle) = (server.local_addr(), server.handle());
//! let serving = thread::spawn(|| server.serve());
//!
//! let mut stream = TcpStream::connect(addr)?;
//! stream.write_all(b"\0\0\0\x02hi")?;
//! let mut reply = [0; 6];
//! stream.read_exact(&mut reply)?;
//! assert_eq!(&reply, b"\0\0\0\x02hi");
//! assert_eq!(handle.stats().live, 1);
//!
//! handle.stop();
//! let summary = serving.join().unwrap()?;
//! assert_eq!((summary.connections, summary.traffic.frames), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `bin`, on by default, is for the program `echo-server` only; a program that embeds
//! the library sets `default-features = false`. It then has no command line, no signal
//! handling and no log subscriber. The library logs through
//! [`tracing`](https://docs.rs/tracing), and some messages name an option of the
//! program, such as `--idle-timeout`, for the field of [`Config`] of that name.

// What each file holds:
//
// | file | holds |
// | --- | --- |
// | `config` | a server's configuration |
// | `error` | startup errors |
// | `server` | one server's life, from bind to summary |
// | `accept` | the loop that accepts connections |
// | `accept_queue` | accepted connections without a thread yet |
// | `connection` | the state that a connection's thread and the watchdog share |
// | `connection/serve` | one connection's life: read, echo, close |
// | `connection/input` | its input, up to its end |
// | `connection/traffic` | its traffic counters |
// | `close` | why a connection ended |
// | `registry` | the live connections |
// | `registry/guard` | a connection's registration |
// | `stats` | counts over all connections |
// | `summary` | the same as text, when the server stops |
// | `deadlines` | the deadlines of a connection |
// | `limits` | how many connections the machine allows |
// | `limits/machine` | what the machine and the user's session allow |
// | `memory` | the memory budget of all connections |
// | `watchdog` | the thread that closes expired connections |
// | `watchdog/watched` | its state per connection, and the check for expiry |
// | `warnings` | warnings about peers, at most one per second for each reason |
// | `reporter` | the thread that reports every second |
// | `metrics` | statistics for Prometheus, over HTTP |
// | `metrics/exposition` | the same, in both text formats |
// | `metrics/request` | parsing of a scraper's request |
// | `stats_writer`, `stats_to` | statistics as lines of JSON, and where they go |
// | `units` | readable sizes and times |

mod accept;
mod accept_queue;
mod close;
mod config;
mod connection;
mod deadlines;
mod error;
mod limits;
mod memory;
mod metrics;
mod registry;
mod reporter;
mod server;
mod stats;
mod stats_to;
mod stats_writer;
mod summary;
mod units;
mod warnings;
mod watchdog;

pub use close::{CloseCounts, CloseReason};
pub use config::Config;
pub use connection::Traffic;
pub use deadlines::Deadlines;
pub use error::Error;
pub use limits::{Cost, MaxConnections};
/// Types used here: [`Wire`](proto::Wire), and so on.
pub use proto;
pub use server::{Server, ServerHandle};
pub use stats::Stats;
pub use stats_to::StatsTo;
pub use summary::Summary;
/// Types used here: [`ServerTls`](transport::ServerTls), and so on.
pub use transport;
