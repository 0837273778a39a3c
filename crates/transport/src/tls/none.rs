//! TLS in a build without it: the same names for what cannot exist.

// The other build looks at its arguments, and can fail.
#![allow(clippy::unnecessary_wraps, clippy::unused_self)]

use std::{convert::Infallible, io, net::TcpStream, time::Instant};

use anyhow::Result;
use clap::Args;

#[derive(Args, Clone, Debug)]
pub(crate) struct ClientOptions {}

#[derive(Args, Clone, Debug)]
pub(crate) struct ServerOptions {}

#[derive(Clone, Debug)]
pub(crate) struct Client(Infallible);

#[derive(Clone, Debug)]
pub(crate) struct Server(Infallible);

/// TLS over a socket, which this build does not have.
#[derive(Debug)]
pub struct TlsStream(Infallible);

impl ClientOptions {
    pub(crate) const fn is_on(&self) -> bool {
        false
    }
}

impl Client {
    pub(crate) const fn load(_: &ClientOptions) -> Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) const fn over(&self, _: TcpStream, _: &str) -> io::Result<TlsStream> {
        match self.0 {}
    }
}

impl Server {
    pub(crate) const fn load(_: &ServerOptions, _: &str) -> Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) const fn over(&self, _: TcpStream) -> io::Result<TlsStream> {
        match self.0 {}
    }
}

pub(crate) fn pair() -> Result<(Server, Client)> {
    anyhow::bail!("this build has no TLS")
}

impl TlsStream {
    pub(crate) const fn socket(&self) -> &TcpStream {
        match self.0 {}
    }

    pub(crate) const fn shrink(&self) {
        match self.0 {}
    }

    pub(crate) const fn max_buffered(_: usize) -> usize {
        0
    }

    pub(crate) const fn buffered(&self) -> usize {
        match self.0 {}
    }

    pub(crate) const fn unread(&self) -> usize {
        match self.0 {}
    }

    pub(crate) const fn take_in(&self) -> bool {
        match self.0 {}
    }

    pub(crate) const fn handshake(&self, _: Option<Instant>) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) const fn has_received(&self) -> bool {
        match self.0 {}
    }

    pub(crate) const fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(crate) const fn write(&self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(crate) const fn write_now(&self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    pub(crate) const fn send_close_notify(&self) {
        match self.0 {}
    }
}
