//! Whom a client trusts, and who it is.

use std::{io, net::TcpStream, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, UnbufferedClientConnection},
    pki_types::ServerName,
};

use super::{Fingerprint, TlsStream, clock::Clock, errors, pem, provider, trust::Trust};

/// The options of a client.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Encryption")]
#[group(id = "tls-client")]
pub(crate) struct Options {
    /// Encrypt with TLS; the server's certificate is checked against the
    /// system's authorities unless told otherwise
    #[arg(long)]
    tls: bool,

    /// Trust the authorities, or the self-signed certificate, in this file
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_ca: Option<PathBuf>,

    /// Trust exactly the certificate with this fingerprint
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

    /// Certificate to show to the server
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls",
        requires = "tls_client_key"
    )]
    tls_client_cert: Option<PathBuf>,

    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_client_cert")]
    tls_client_key: Option<PathBuf>,
}

impl Options {
    pub(crate) const fn is_on(&self) -> bool {
        self.tls
    }
}

fn parse_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| "expected a DNS name or an IP address".to_owned())
}

/// A client that encrypts.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    /// `None`: the one in the address dialled.
    name: Option<ServerName<'static>>,
}

impl Client {
    /// Reads what `args` name; `None` when they ask for no encryption.
    pub(crate) fn load(args: &Options) -> Result<Option<Self>> {
        args.is_on().then(|| Self::new(args)).transpose()
    }

    /// One that trusts a single certificate.
    pub(crate) fn pinned(fingerprint: Fingerprint) -> Result<Self> {
        Self::new(&Options {
            tls_pin: Some(fingerprint),
            ..Options::default()
        })
    }

    fn new(args: &Options) -> Result<Self> {
        let trust = match (&args.tls_ca, args.tls_pin) {
            (_, Some(fingerprint)) => Trust::pin(fingerprint),
            (Some(file), None) => Trust::authorities(pem::roots(file)?)?,
            (None, None) => Trust::authorities(system_roots()?)?,
        };
        let config = builder(trust)?;
        let mut config = match (&args.tls_client_cert, &args.tls_client_key) {
            (Some(certificate), Some(key)) => config
                .with_client_auth_cert(pem::certificates(certificate)?, pem::key(key)?)
                .map_err(|error| anyhow!(errors::describe(&error)))
                .with_context(|| {
                    format!(
                        "cannot use {} with {}",
                        certificate.display(),
                        key.display()
                    )
                })?,
            _ => config.with_no_client_auth(),
        };
        // Each connection makes a whole handshake and depends on no other.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            name: args.tls_name.clone(),
        })
    }

    /// Starts TLS on a connected socket; the handshake is still to come.
    pub(crate) fn over(&self, socket: TcpStream, host: &str) -> io::Result<TlsStream> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => name_in(host)?,
        };
        let connection = UnbufferedClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| errors::io_error(&error))?;
        Ok(TlsStream::new(socket, connection))
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn builder(trust: Trust) -> Result<Builder> {
    Ok(
        ClientConfig::builder_with_details(provider(), Arc::new(Clock))
            .with_safe_default_protocol_versions()?
            // The danger is in verifiers that verify less; `Trust` says what it does.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust)),
    )
}

/// The authorities that the system trusts.
fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("CAs of this system: {error}");
    }
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    if unusable > 0 {
        tracing::debug!("CAs of this system: {unusable} cannot be used");
    }
    if roots.is_empty() {
        bail!(
            "this system has no authorities to trust; --tls-ca FILE or --tls-pin SHA256 says whom"
        );
    }
    Ok(roots)
}

/// The name or address in `host:port`.
fn name_in(host: &str) -> io::Result<ServerName<'static>> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    parse_name(name).map_err(|expected| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("no certificate can be for {name}: {expected}; see --tls-name"),
        )
    })
}
