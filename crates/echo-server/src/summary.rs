//! What a server did from start to stop.

use std::{fmt, time::Duration};

use crate::{CloseCounts, Traffic};

/// What a server did from start to stop; a few lines as text.
///
/// # Examples
///
/// ```
/// use echo_server::{Config, Server, Summary};
///
/// let mut config = Config::default();
/// config.listen = "127.0.0.1:0".into();
/// let server = Server::bind(&config)?;
/// server.handle().stop(); // so that it ends at once
/// let summary: Summary = server.serve()?;
/// assert_eq!(summary.connections, summary.closed.total());
/// assert!(summary.to_string().starts_with("stopped after 0.0 s\nconnections  0\n"));
/// # Ok::<(), echo_server::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Connections accepted.
    pub connections: u64,
    /// Connections by close reason. One missing here did not end in time.
    pub closed: CloseCounts,
    /// Traffic of all of them.
    pub traffic: Traffic,
    /// Time from start to stop.
    pub elapsed: Duration,
    /// Whether the connections were encrypted.
    pub is_encrypted: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traffic {
            frames,
            bytes,
            payload_bytes,
            reads,
            split_reads,
            writes,
        } = self.traffic;
        let ratio = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
        writeln!(f, "stopped after {:.1} s", self.elapsed.as_secs_f64())?;
        writeln!(f, "connections  {}", self.connections)?;
        writeln!(f, "frames       {frames}, {payload_bytes} bytes of payload")?;
        writeln!(
            f,
            "wire         {bytes} bytes, {:.2}x the payload",
            ratio(bytes, payload_bytes)
        )?;
        writeln!(
            f,
            "reads        {reads}, {:.2} frames each, {split_reads} ended inside a frame",
            ratio(frames, reads)
        )?;
        writeln!(
            f,
            "writes       {writes}, {:.2} frames each",
            ratio(frames, writes)
        )?;
        // TLS makes system calls of its own, which are not counted here.
        if !self.is_encrypted {
            let calls = ratio(reads + writes, frames);
            writeln!(f, "system calls {calls:.2} per frame")?;
        }
        write!(f, "closed       {}", self.closed)
    }
}
