//! TLS options.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use transport::{ClientTls, Fingerprint, ServerName, ServerTls};

use crate::OutputFile;

/// TLS options of a client.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Encryption")]
#[group(id = "tls-client")]
pub struct ClientTlsArgs {
    /// Encrypt with TLS; by default the server's certificate is checked against
    /// the system's CAs
    #[arg(long)]
    tls: bool,

    /// Trust the CAs, or the self-signed certificate, in this file
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_ca: Option<PathBuf>,

    /// Trust only the certificate with this fingerprint
    #[arg(
        long,
        value_name = "SHA256",
        requires = "tls",
        conflicts_with = "tls_ca"
    )]
    tls_pin: Option<Fingerprint>,

    /// Name to expect in the certificate [default: the one in --host]
    #[arg(long, value_name = "NAME", requires = "tls", value_parser = parse_name)]
    tls_name: Option<ServerName<'static>>,

    /// Client certificate
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls",
        requires = "tls_client_key"
    )]
    tls_client_cert: Option<PathBuf>,

    /// Private key of the client certificate
    #[arg(long, value_name = "FILE", requires = "tls_client_cert")]
    tls_client_key: Option<PathBuf>,
}

impl ClientTlsArgs {
    /// Whether TLS is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.tls
    }

    /// Reads the named files; `None` without TLS.
    ///
    /// # Errors
    ///
    /// One line: the file that cannot be used, and why.
    pub fn load(&self) -> Result<Option<ClientTls>> {
        if !self.tls {
            return Ok(None);
        }
        let tls = match (&self.tls_ca, self.tls_pin) {
            (_, Some(fingerprint)) => ClientTls::pinned(fingerprint)?,
            (Some(file), None) => ClientTls::trusting(file)?,
            (None, None) => ClientTls::trusting_system()?,
        };
        let tls = match (&self.tls_client_cert, &self.tls_client_key) {
            (Some(certificate), Some(key)) => tls.with_certificate(certificate, key)?,
            _ => tls,
        };
        Ok(Some(match &self.tls_name {
            Some(name) => tls.with_name(name.clone()),
            None => tls,
        }))
    }
}

/// TLS options of a server.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Encryption")]
#[group(id = "tls-server")]
#[allow(clippy::struct_field_names)] // Named after the options.
pub struct ServerTlsArgs {
    /// Encrypt with TLS: the server's certificate, followed by those of
    /// intermediate CAs
    #[arg(long, value_name = "FILE", requires = "tls_key", group = "tls")]
    tls_cert: Option<PathBuf>,

    /// Private key of the server's certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Encrypt with TLS: a self-signed certificate generated at start, whose
    /// fingerprint is logged
    #[arg(long, group = "tls")]
    tls_self_signed: bool,

    /// Write that certificate to a file, for the clients' --tls-ca
    #[arg(long, value_name = "FILE", requires = "tls_self_signed")]
    tls_write_cert: Option<PathBuf>,

    /// Require client certificates signed by these CAs
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_client_ca: Option<PathBuf>,
}

impl ServerTlsArgs {
    /// Reads the named files, or generates a certificate for `host`, the
    /// address to listen on, and for the loopback names and addresses. `None`
    /// without TLS.
    ///
    /// # Errors
    ///
    /// One line: the file that cannot be used, and why.
    pub fn load(&self, host: &str) -> Result<Option<ServerTls>> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => ServerTls::with_certificate(certificate, key)?,
            _ if self.tls_self_signed => self.self_signed(host)?,
            _ => return Ok(None),
        };
        Ok(Some(match &self.tls_client_ca {
            Some(file) => tls.requiring_clients_of(file)?,
            None => tls,
        }))
    }

    fn self_signed(&self, host: &str) -> Result<ServerTls> {
        let (tls, certificate) = ServerTls::self_signed(host)?;
        tracing::info!(
            "certificate fingerprint (SHA-256): {}",
            certificate.fingerprint
        );
        if let Some(file) = &self.tls_write_cert {
            OutputFile::create(file)?.write(&certificate.pem)?;
        }
        Ok(tls)
    }
}

fn parse_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| "expected a DNS name or an IP address".to_owned())
}
