//! What a server did between start and stop.

use std::{fmt, time::Duration};

use crate::{CloseCounts, Traffic};

/// What a server did between start and stop; as text a few lines.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Connections accepted.
    pub connections: u64,
    /// Why they ended. One that is missing there did not notice its end.
    pub closed: CloseCounts,
    /// What all of them echoed.
    pub traffic: Traffic,
    /// From start to stop.
    pub elapsed: Duration,
    /// Whether the connections were encrypted.
    pub is_encrypted: bool,
}

/// A few lines.
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
        // TLS makes its own, of which nothing is known here.
        if !self.is_encrypted {
            let calls = ratio(reads + writes, frames);
            writeln!(f, "system calls {calls:.2} per frame")?;
        }
        write!(f, "closed       {}", self.closed)
    }
}
