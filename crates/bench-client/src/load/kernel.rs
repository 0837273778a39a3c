//! The connections as the kernel sees them, at the start and at the end.

use std::{collections::HashMap, sync::Arc};

use bench_report::results::{Tcp, TcpEnd, TcpInfo};

use super::{Link, slowest::sent_again};
use crate::machine::sock_diag::{self, Ends};

/// What the kernel said of all connections at an instant, by their ends.
pub(super) struct KernelView {
    client: HashMap<Ends, TcpInfo>,
    /// `None` when the server is on another host.
    server: Option<HashMap<Ends, TcpInfo>>,
}

impl KernelView {
    /// Asks for all connections at once; `None` where the system does not say.
    pub(super) fn now(links: &[Arc<Link>]) -> Option<Self> {
        let link = links.first()?;
        let [_, peer] = link.ends?;
        let server = link.peer_on_this_host().map(|_| peer.port());
        Some(Self {
            client: sock_diag::dump(0, peer.port())?,
            server: server.and_then(|port| sock_diag::dump(port, 0)),
        })
    }

    /// Lets each link know what was sent again so far.
    pub(super) fn mark(&self, links: &[Arc<Link>]) {
        for link in links {
            let Some([own, peer]) = link.ends else {
                continue;
            };
            let server = self.server.as_ref();
            let ends = [
                self.client.get(&[own, peer]),
                server.and_then(|server| server.get(&[peer, own])),
            ];
            for (gauge, count) in link.sent_again.iter().zip(sent_again(ends)) {
                gauge.store(count);
            }
        }
    }

    /// Adds up what came since `before`, on connections by their index.
    pub(super) fn since(&self, before: Option<&Self>, links: &[Arc<Link>]) -> Tcp {
        let before_client = before.map(|before| &before.client);
        let before_server = before.and_then(|before| before.server.as_ref());
        let server = self
            .server
            .as_ref()
            .map(|server| end(links, server, before_server, |[own, peer]| [peer, own]));
        Tcp {
            client: end(links, &self.client, before_client, |ends| ends),
            server: server.filter(|server| server.connections > 0),
        }
    }
}

fn end(
    links: &[Arc<Link>],
    after: &HashMap<Ends, TcpInfo>,
    before: Option<&HashMap<Ends, TcpInfo>>,
    side: fn(Ends) -> Ends,
) -> TcpEnd {
    let spans = links.iter().map(|link| {
        let ends = side(link.ends?);
        let before = before.and_then(|before| before.get(&ends));
        Some((before.copied(), *after.get(&ends)?))
    });
    TcpEnd::of(&spans.collect::<Vec<_>>())
}
