//! Encryption, or none.

use std::{io, net::TcpStream};

use anyhow::Result;
use clap::Args;

use crate::{Stream, resolve::without_zone, tls};

/// How a client encrypts, if it does.
#[derive(Clone, Debug, Default)]
pub struct ClientTls(Option<tls::Client>);

/// How a server encrypts, if it does.
#[derive(Clone, Debug, Default)]
pub struct ServerTls(Option<tls::Server>);

/// What a client is told about encryption.
#[derive(Args, Clone, Debug)]
pub struct ClientTlsArgs {
    #[command(flatten)]
    options: tls::ClientOptions,
}

/// What a server is told about encryption.
#[derive(Args, Clone, Debug)]
pub struct ServerTlsArgs {
    #[command(flatten)]
    options: tls::ServerOptions,
}

impl ClientTlsArgs {
    /// Whether to encrypt.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.options.is_on()
    }

    /// Reads the files that were named.
    ///
    /// # Errors
    ///
    /// One line that says which file is no good.
    pub fn load(&self) -> Result<ClientTls> {
        tls::Client::load(&self.options).map(ClientTls)
    }
}

impl ServerTlsArgs {
    /// Reads the files that were named; a certificate made here is for
    /// `host`, the address to listen on.
    ///
    /// # Errors
    ///
    /// One line that says which file is no good.
    pub fn load(&self, host: &str) -> Result<ServerTls> {
        tls::Server::load(&self.options, &without_zone(host)).map(ServerTls)
    }
}

impl ClientTls {
    /// Starts encryption on a connected socket, if it is on.
    pub(crate) fn over(&self, socket: TcpStream, host: &str) -> io::Result<Stream> {
        Ok(match &self.0 {
            Some(client) => Stream::Tls(Box::new(client.over(socket, &without_zone(host))?)),
            None => Stream::Plain(socket),
        })
    }
}

impl ServerTls {
    /// Starts encryption on an accepted socket, if it is on.
    ///
    /// # Errors
    ///
    /// What the TLS library says; not about the peer, who has said nothing.
    pub fn over(&self, socket: TcpStream) -> io::Result<Stream> {
        Ok(match &self.0 {
            Some(server) => Stream::Tls(Box::new(server.over(socket)?)),
            None => Stream::Plain(socket),
        })
    }
}

/// Encryption between a server and a client in one process, with a
/// certificate made here.
///
/// # Errors
///
/// What the TLS library says.
pub fn tls_pair() -> Result<(ServerTls, ClientTls)> {
    let (server, client) = tls::pair()?;
    Ok((ServerTls(Some(server)), ClientTls(Some(client))))
}
