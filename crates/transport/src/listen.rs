//! Opening a listener.

use std::{fs, io, net::TcpListener};

use socket2::SockRef;

use crate::{
    Error, SocketOptions,
    resolve::{resolve, zone_advice},
    socket::buffer_sizes,
};

/// Connections that the kernel completes and queues before they are accepted.
///
/// std uses 128; when the queue overflows, each further client waits a whole
/// second for its retransmission. 4096 is Linux's default maximum
/// (`net.core.somaxconn` since 5.4); a lower maximum applies silently.
pub const BACKLOG: i32 = 4096;

/// Listens on `addr`: `address:port`, `[address%zone]:port` or `name:port`,
/// IPv4 or IPv6; port 0 takes a free one.
///
/// # Errors
///
/// [`Error::Resolve`], or [`Error::Listen`] with the cause and, for an address
/// in use, what can hold it and how to keep it free.
///
/// # Examples
///
/// ```
/// use transport::SocketOptions;
///
/// let listener = transport::listen("127.0.0.1:0", SocketOptions::default())?;
/// let taken = listener.local_addr().unwrap().to_string();
/// let error = transport::listen(&taken, SocketOptions::default()).unwrap_err();
/// assert!(error.to_string().starts_with(&format!("cannot listen on {taken}")));
/// # Ok::<(), transport::Error>(())
/// ```
pub fn listen(addr: &str, options: SocketOptions) -> Result<TcpListener, Error> {
    let addrs = resolve(addr)?;
    let failed = |advice, source| Error::Listen {
        addr: addr.to_owned(),
        advice,
        source,
    };
    let listener = TcpListener::bind(addrs.as_slice()).map_err(|error| {
        let advice = match addrs.first() {
            Some(addr) if error.kind() == io::ErrorKind::AddrInUse => in_use_advice(addr.port()),
            Some(addr) if error.kind() == io::ErrorKind::PermissionDenied => {
                privileged_advice(addr.port())
            }
            Some(addr) => zone_advice(addr).to_owned(),
            None => String::new(),
        };
        failed(advice, error)
    })?;
    set_up_listener(&listener, options)
        .map_err(|error| failed("; its socket cannot be set up".to_owned(), error))?;
    Ok(listener)
}

/// Sets up an existing listener as [`listen`] does, with a backlog of
/// [`BACKLOG`]. Connections already queued do not inherit the options, see
/// [`SocketOptions::set_connected`].
///
/// # Errors
///
/// The socket's error.
///
/// # Examples
///
/// ```
/// use std::net::TcpListener;
///
/// use transport::SocketOptions;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// transport::set_up_listener(&listener, SocketOptions::default())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn set_up_listener(listener: &TcpListener, options: SocketOptions) -> io::Result<()> {
    let socket = SockRef::from(listener);
    // Accepted sockets inherit these options.
    options.prepare(&socket)?;
    if let Ok(sizes) = buffer_sizes(listener) {
        tracing::debug!("{sizes}");
    }
    // A second listen() on a live listener only changes its backlog.
    socket.listen(BACKLOG)
}

/// What can hold a port, and how to free it.
fn in_use_advice(port: u16) -> String {
    match ephemeral_ports() {
        Some((low, high)) if (low..=high).contains(&port) => format!(
            "; another program listens there, or an outgoing connection holds the port \
             ({port} is inside the ephemeral range {low}-{high}): stop that program, choose \
             another port, or keep this one free with \
             sysctl net.ipv4.ip_local_reserved_ports={port}"
        ),
        _ => "; another program listens there: stop it or choose another port".to_owned(),
    }
}

/// The permission that a privileged port needs. Empty for other ports: a
/// firewall or a sandbox may refuse them for its own reasons.
fn privileged_advice(port: u16) -> String {
    let first = unprivileged_ports_from();
    if port >= first {
        return String::new();
    }
    let how = if cfg!(target_os = "linux") {
        format!(
            "root or CAP_NET_BIND_SERVICE: choose another one, or allow it with \
             sysctl net.ipv4.ip_unprivileged_port_start={port}"
        )
    } else {
        "root: choose another one".to_owned()
    };
    format!("; ports below {first} need {how}")
}

/// The first port that needs no permission.
fn unprivileged_ports_from() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|first| first.trim().parse().ok())
        .unwrap_or(1024)
}

/// The ports that the kernel assigns to outgoing connections; `None` where it
/// is not readable.
fn ephemeral_ports() -> Option<(u16, u16)> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut bounds = range.split_whitespace().map(str::parse);
    Some((bounds.next()?.ok()?, bounds.next()?.ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listen(addr: &str) -> Result<TcpListener, Error> {
        super::listen(addr, SocketOptions::default())
    }

    #[test]
    fn port_0_takes_a_free_port_on_every_kind_of_address() {
        for addr in ["127.0.0.1:0", "localhost:0", "[::1]:0"] {
            match listen(addr) {
                Ok(listener) => assert_ne!(listener.local_addr().unwrap().port(), 0),
                // A host may have no IPv6.
                Err(error) => assert!(addr.contains("::"), "{error:#}"),
            }
        }
    }

    #[test]
    fn a_taken_port_is_explained() {
        let first = listen("127.0.0.1:0").unwrap();
        let addr = first.local_addr().unwrap().to_string();
        let error = format!("{:#}", listen(&addr).unwrap_err());
        assert!(error.contains(&addr), "{error}");
        assert!(error.contains("another program listens there"), "{error}");
    }

    #[test]
    fn a_privileged_port_is_explained() {
        let first = unprivileged_ports_from();
        assert_eq!(privileged_advice(first), "");
        if let Some(last) = first.checked_sub(1) {
            let advice = privileged_advice(last);
            let expected = format!("; ports below {first} need root");
            assert!(advice.starts_with(&expected), "{advice}");
        }
    }

    /// With std's backlog of 128, further clients depend on their
    /// retransmission, which comes after a second.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_burst_fits_into_the_queue() {
        use std::{net::TcpStream, time::Duration};

        let listener = listen("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let queued: Vec<_> = (0..300)
            .map(|_| TcpStream::connect_timeout(&addr, Duration::from_millis(900)))
            .collect();
        assert!(queued.iter().all(Result::is_ok));
    }
}
