//! A TCP echo server, one thread per connection, to run or to embed.
//!
//! | module | holds |
//! | --- | --- |
//! | `config` | what a server is told |
//! | `server` | one server's life, from bind to summary |
//! | `accept` | the loop that takes connections, whatever accept says |
//! | `queue` | connections on their way from the kernel to their threads |
//! | `connection` | one connection's life |
//! | `incoming` | what it reads, up to its end |
//! | `live` | a connection as its thread and the watcher share it |
//! | `close` | why a connection ended |
//! | `traffic` | what goes through connections, counted |
//! | `registry` | the connections alive now, and the accounts of all |
//! | `deadlines` | how long a connection may take for what |
//! | `limits` | how many connections the machine allows |
//! | `memory` | a budget for all read buffers |
//! | `watcher` | the thread that ends what has overstayed |
//! | `reporter` | the thread that says every second what happened |
//! | `metrics` | the accounts for Prometheus, over HTTP |
//! | `exposition` | what it is told, in its format |
//! | `stats` | the accounts as lines of JSON |
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
mod close;
mod config;
mod connection;
mod deadlines;
mod exposition;
mod incoming;
mod limits;
mod live;
mod memory;
mod metrics;
mod queue;
mod registry;
mod reporter;
mod server;
mod stats;
mod traffic;
mod watcher;

pub use close::{Close, Closed};
pub use config::Config;
pub use deadlines::Deadlines;
pub use limits::{Cost, MaxConnections};
pub use registry::Accounts;
pub use server::{Server, StopHandle, Summary};
pub use stats::StatsTo;
pub use traffic::Traffic;
