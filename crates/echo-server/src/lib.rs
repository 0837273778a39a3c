//! A TCP echo server, one thread per connection, to run or to embed.
//!
//! # Threads
//!
//! ```text
//!  the caller of serve             a thread for each connection
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
//!          +-----------> watchdog: ends what is past its deadline, joins threads
//! ```
//!
//! With TLS there is a thread for each CPU besides, for the arithmetic of
//! handshakes. Nothing on the way of a message takes a lock that connections
//! share; over bare TCP nothing there reads a clock or allocates once the buffer
//! has grown. While there are no connections the watchdog sleeps, and so does the
//! reporter unless there are statistics to write.
//!
//! # The way of a message
//!
//! 1. `accept` takes what the kernel has queued, in `accept_queue`, and starts a
//!    thread for each connection if `limits` and `memory` allow.
//! 2. `connection/serve` reserves memory for the next read, reads through
//!    `connection/input`, and gets from [`proto::Reader`] all frames that are
//!    whole by then.
//! 3. It writes them back from the read buffer, in one write, and counts them in
//!    `connection/traffic`.
//! 4. The connection ends by what its thread finds, or by what the `watchdog`
//!    or a stop decides: the first [`CloseReason`] counts. The `registry` counts
//!    it once the thread is joined.
//!
//! # Modules
//!
//! | module | holds |
//! | --- | --- |
//! | `config` | a server's configuration |
//! | `error` | why a server cannot start |
//! | `server` | one server's life, from bind to summary |
//! | `accept` | the loop that accepts connections |
//! | `accept_queue` | connections on their way from the kernel to their threads |
//! | `connection` | a connection as its thread and the watchdog share it |
//! | `connection/serve` | one connection's life: read, echo, close |
//! | `connection/input` | what it reads, up to its end |
//! | `connection/traffic` | what goes through it, counted |
//! | `close` | why a connection ended |
//! | `registry` | the connections alive now |
//! | `registry/guard` | a connection's place there |
//! | `stats` | what became of all connections |
//! | `summary` | the same at the end, in a few lines |
//! | `deadlines` | how long a connection may take for what |
//! | `limits` | how many connections the machine allows |
//! | `memory` | a budget for what connections hold |
//! | `watchdog` | the thread that ends what is past its deadline |
//! | `watchdog/watched` | what it remembers of a connection, and what has expired |
//! | `warnings` | warnings about peers, at most one per second for each reason |
//! | `reporter` | the thread that reports every second |
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
//! `bin`, on by default, is for the program `echo-server` only. Without it the
//! library has no command line, no signal handling and no subscriber for its logs,
//! which go to [`tracing`](https://docs.rs/tracing).

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
/// What the types here are made of: [`Wire`](proto::Wire), and so on.
pub use proto;
pub use server::{Server, ServerHandle};
pub use stats::Stats;
pub use stats_writer::StatsTo;
pub use summary::Summary;
/// The same: [`ServerTls`](transport::ServerTls), and so on.
pub use transport;
