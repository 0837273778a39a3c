//! Resolving `host:port`, and IPv6 zones.
//!
//! A link-local address needs a zone, the network interface that leads to it
//! (RFC 4007): `fe80::1%eth0`, or by the interface's index `fe80::1%2`.

use std::{
    io,
    net::{Ipv6Addr, SocketAddr, ToSocketAddrs},
};

use crate::Error;

/// The addresses of `name:port`, `address:port` or `[address%zone]:port`.
///
/// Blocks as long as the system's resolver does.
///
/// # Errors
///
/// One line: what does not resolve and, for a zone, why.
pub(crate) fn resolve(text: &str) -> Result<Vec<SocketAddr>, Error> {
    let resolved: io::Result<_> = match zoned(text) {
        // std takes a zone's index only; the system's resolver takes a name
        // too, without brackets.
        Some((address, _, port)) => (address, port).to_socket_addrs(),
        None => text.to_socket_addrs(),
    };
    match resolved {
        Ok(addrs) => Ok(addrs.collect()),
        Err(error) => Err(Error::Resolve {
            host: text.to_owned(),
            source: match zoned(text).and_then(zone_error) {
                Some(why) => io::Error::new(error.kind(), why),
                None => error,
            },
        }),
    }
}

/// The address with its zone, the zone, and the port.
fn zoned(text: &str) -> Option<(&str, &str, u16)> {
    let (address, port) = text.strip_prefix('[')?.rsplit_once("]:")?;
    let (_, zone) = address.split_once('%')?;
    Some((address, zone, port.parse().ok()?))
}

/// Why the resolver rejected an address with a zone.
fn zone_error((address, zone, _): (&str, &str, u16)) -> Option<String> {
    let bare: Ipv6Addr = without_zone(address).parse().ok()?;
    Some(if bare.is_unicast_link_local() {
        format!("no network interface is called {zone}")
    } else {
        "only a link-local address (fe80::/10) has a zone".to_owned()
    })
}

/// The name or address in `host:port`, as a certificate has it: without the zone, which
/// has a meaning on this host only.
pub(crate) fn name_in(text: &str) -> String {
    let text = without_zone(text);
    let name = text.rsplit_once(':').map_or(&*text, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.to_owned()
}

/// The address without its zone.
fn without_zone(text: &str) -> String {
    let Some((address, rest)) = text.split_once('%') else {
        return text.to_owned();
    };
    let end = rest.find(']').unwrap_or(rest.len());
    format!("{address}{}", rest.get(end..).unwrap_or_default())
}

/// What to try for an unreachable or unusable link-local address; empty for
/// other addresses.
pub(crate) fn zone_advice(addr: &SocketAddr) -> &'static str {
    match addr {
        SocketAddr::V6(addr) if addr.ip().is_unicast_link_local() => {
            if addr.scope_id() == 0 {
                "; a link-local address needs a zone, such as [fe80::1%eth0]"
            } else {
                "; is its zone the right network interface?"
            }
        }
        _ => "",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_index_is_a_zone() {
        let addrs = resolve("[fe80::1%7]:60000").unwrap();
        assert_eq!(addrs, ["[fe80::1%7]:60000".parse().unwrap()]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_is_a_zone() {
        let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        let expected = format!("[fe80::1%{}]:60000", index.trim());
        let addrs = resolve("[fe80::1%lo]:60000").unwrap();
        assert_eq!(addrs, [expected.parse().unwrap()]);
    }

    #[test]
    fn a_wrong_zone_is_explained() {
        for (text, why) in [
            ("[fe80::1%no-such]:1", "interface is called no-such"),
            ("[::1%no-such]:1", "only a link-local address"),
        ] {
            let error = resolve(text).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot resolve {text}"));
            let source = error.source().unwrap().to_string();
            assert!(source.contains(why), "{source}");
        }
    }

    #[test]
    fn a_zone_is_left_out() {
        for (text, bare) in [
            ("[fe80::1%eth0]:60000", "[fe80::1]:60000"),
            ("fe80::1%2", "fe80::1"),
            ("[::1]:60000", "[::1]:60000"),
            ("localhost:60000", "localhost:60000"),
        ] {
            assert_eq!(without_zone(text), bare);
        }
        for (text, name) in [
            ("[fe80::1%eth0]:60000", "fe80::1"),
            ("a.example:60000", "a.example"),
            ("127.0.0.1:0", "127.0.0.1"),
        ] {
            assert_eq!(name_in(text), name);
        }
    }
}
