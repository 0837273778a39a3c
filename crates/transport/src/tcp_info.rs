//! What the kernel knows of one end of a connection.

/// `TCP_INFO` of one end of a connection (tcp(7)). Counts are since it was opened,
/// and wrap at the size of their type.
///
/// # Examples
///
/// ```
/// use std::net::{TcpListener, TcpStream};
///
/// use transport::{Stream, sock_diag};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = Stream::from(TcpStream::connect(listener.local_addr()?)?);
/// if let Some(info) = sock_diag::find(stream.addrs()?) {
///     println!("{} µs, {} segments sent again", info.rtt_us, info.retransmitted);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// Segments sent again.
    pub retransmitted: u32,
    /// Segments sent again that the peer already had (RFC 2883).
    pub spurious: u32,
    /// Segments sent, with and without data.
    pub segments_out: u32,
    /// Segments received, with and without data.
    pub segments_in: u32,
    /// Segments sent with data.
    pub data_segments_out: u32,
    /// Segments received with data.
    pub data_segments_in: u32,
    /// Bytes of data sent, including those sent again.
    pub bytes_sent: u64,
    /// Bytes written that the peer's host has not acknowledged.
    pub unacknowledged_bytes: u32,
    /// Smoothed round-trip time.
    pub rtt_us: u32,
    /// Mean deviation of the round-trip time.
    pub rtt_variance_us: u32,
    /// Lowest round-trip time of the last five minutes.
    pub min_rtt_us: u32,
    /// Congestion window, in segments.
    pub congestion_window: u32,
    /// Rate of delivery as last measured, in bytes per second.
    pub delivery_rate: u64,
    /// Maximum segment size, in bytes.
    pub mss: u32,
    /// How long this end may delay an acknowledgement.
    pub ack_timeout_us: u32,
    /// Time since data was sent, in steps of the kernel's clock of 1 to 10 ms.
    pub since_sent_ms: u32,
    /// Time since data was received, in the same steps.
    pub since_received_ms: u32,
}
