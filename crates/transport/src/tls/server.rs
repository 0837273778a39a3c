//! Who a server is, and whom it lets in.

use std::{fs, io, net::TcpStream, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use rcgen::{CertificateParams, CertifiedKey, DistinguishedName, DnType, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{NoServerSessionStorage, UnbufferedServerConnection, WebPkiClientVerifier},
};

use super::{Fingerprint, TlsStream, clock::Clock, errors, pem, provider};

/// The options of a server.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Encryption")]
#[group(id = "tls-server")]
#[allow(clippy::struct_field_names)] // They are the options' names.
pub(crate) struct Options {
    /// Encrypt with TLS as the owner of the certificate in this file; those of
    /// intermediate authorities follow it there
    #[arg(long, value_name = "FILE", requires = "tls_key", group = "tls")]
    tls_cert: Option<PathBuf>,

    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Encrypt with TLS with a certificate made at start; its fingerprint is
    /// logged
    #[arg(long, group = "tls")]
    tls_self_signed: bool,

    /// Write that certificate to a file, for the clients' --tls-ca
    #[arg(long, value_name = "FILE", requires = "tls_self_signed")]
    tls_write_cert: Option<PathBuf>,

    /// Let only clients in whose certificate these authorities signed
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_client_ca: Option<PathBuf>,
}

/// A server that encrypts.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<ServerConfig>);

impl Server {
    /// Reads what `args` name, or makes it; `None` when they ask for no
    /// encryption. A certificate made here is for `host`, an address to listen
    /// on, and for this machine.
    pub(crate) fn load(args: &Options, host: &str) -> Result<Option<Self>> {
        let identity = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => Identity {
                name: format!("{} with {}", certificate.display(), key.display()),
                chain: pem::certificates(certificate)?,
                key: pem::key(key)?,
            },
            _ if args.tls_self_signed => {
                let (identity, pem) = self_signed(host)?;
                if let Some(fingerprint) = identity.fingerprint() {
                    tracing::info!("certificate fingerprint (SHA-256): {fingerprint}");
                }
                if let Some(file) = &args.tls_write_cert {
                    fs::write(file, pem)
                        .with_context(|| format!("cannot write {}", file.display()))?;
                }
                identity
            }
            _ => return Ok(None),
        };
        Self::new(identity, args.tls_client_ca.as_ref()).map(Some)
    }

    /// One with a certificate made here, and that certificate's fingerprint.
    pub(crate) fn self_signed(host: &str) -> Result<(Self, Fingerprint)> {
        let (identity, _) = self_signed(host)?;
        let fingerprint = identity.fingerprint().context("no certificate was made")?;
        Ok((Self::new(identity, None)?, fingerprint))
    }

    fn new(identity: Identity, client_ca: Option<&PathBuf>) -> Result<Self> {
        let config = ServerConfig::builder_with_details(provider(), Arc::new(Clock))
            .with_safe_default_protocol_versions()?;
        let config = match client_ca {
            Some(file) => {
                let roots = Arc::new(pem::roots(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                config.with_client_cert_verifier(verifier.build()?)
            }
            None => config.with_no_client_auth(),
        };
        let mut config = config
            .with_single_cert(identity.chain, identity.key)
            .map_err(|error| anyhow!(errors::describe(&error)))
            .with_context(|| format!("cannot use {}", identity.name))?;
        // No resumption: each connection makes a whole handshake and shares
        // nothing with others.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config)))
    }

    /// Starts TLS on an accepted socket; the handshake is still to come.
    pub(crate) fn over(&self, socket: TcpStream) -> io::Result<TlsStream> {
        let connection = UnbufferedServerConnection::new(Arc::clone(&self.0))
            .map_err(|error| errors::io_error(&error))?;
        Ok(TlsStream::new(socket, connection))
    }
}

struct Identity {
    /// Where it is from.
    name: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn fingerprint(&self) -> Option<Fingerprint> {
        self.chain.first().map(Fingerprint::of)
    }
}

/// A new certificate and its PEM form. The key stays in memory.
fn self_signed(host: &str) -> Result<(Identity, String)> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    if !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let made = make(names).context("cannot make a certificate")?;
    let identity = Identity {
        name: "the certificate made here".to_owned(),
        chain: vec![made.cert.der().clone()],
        key: PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into()),
    };
    Ok((identity, made.cert.pem()))
}

fn make(names: Vec<String>) -> Result<CertifiedKey<KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    let name = "echo-server, self-signed";
    params.distinguished_name.push(DnType::CommonName, name);
    let signing_key = KeyPair::generate()?;
    let cert = params.self_signed(&signing_key)?;
    Ok(CertifiedKey { cert, signing_key })
}
