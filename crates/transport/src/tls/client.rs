//! A client's trust in servers, and its own certificate.

use std::{fmt, io, net::TcpStream, path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::{Resumption, UnbufferedClientConnection, WantsClientCert},
    pki_types::ServerName,
};

use super::{Fingerprint, TlsStream, clock::SystemClock, errors, pem, provider, trust::Trust};
use crate::{Error, resolve::name_in};

/// TLS settings of a client.
///
/// # Examples
///
/// A server with a certificate of a CA that the system trusts; the client has a
/// certificate too:
///
/// ```no_run
/// use std::path::Path;
///
/// use transport::{ClientTls, Dialer};
///
/// let tls = ClientTls::trusting_system()?;
/// let tls = tls.with_certificate(Path::new("client.pem"), Path::new("client.key"))?;
/// let mut dialer = Dialer::new("echo.example:60000");
/// dialer.tls = Some(tls);
/// let stream = dialer.dial()?;
/// # Ok::<(), transport::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    trust: Arc<Trust>,
    /// `None`: the name in the address dialled.
    name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// Trusts servers with a certificate of one of the system's CAs.
    ///
    /// # Errors
    ///
    /// [`Error::NoSystemCas`].
    pub fn trusting_system() -> Result<Self, Error> {
        Self::new(Trust::cas(system_roots()?)?)
    }

    /// Trusts servers with a certificate of one of the CAs in a PEM file, or
    /// with a self-signed certificate in it.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn trusting(file: &Path) -> Result<Self, Error> {
        Self::new(Trust::cas(pem::roots(file)?)?)
    }

    /// Trusts the one server with this certificate, whatever its name.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`].
    pub fn pinned(fingerprint: Fingerprint) -> Result<Self, Error> {
        Self::new(Trust::pin(fingerprint))
    }

    fn new(trust: Trust) -> Result<Self, Error> {
        let trust = Arc::new(trust);
        let config = builder(&trust)?.with_no_client_auth();
        Ok(Self {
            config: without_resumption(config),
            trust,
            name: None,
        })
    }

    /// Presents the certificate in one PEM file, with its key in another.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn with_certificate(self, certificate: &Path, key: &Path) -> Result<Self, Error> {
        let (chain, secret) = (pem::certificates(certificate)?, pem::key(key)?);
        let config = builder(&self.trust)?
            .with_client_auth_cert(chain, secret)
            .map_err(|error| errors::of_file(certificate, &error))?;
        let config = without_resumption(config);
        Ok(Self { config, ..self })
    }

    /// Expects this name in the server's certificate, not that in the address.
    #[must_use]
    pub fn with_name(self, name: ServerName<'static>) -> Self {
        let name = Some(name);
        Self { name, ..self }
    }

    /// Starts TLS on a connected socket; the handshake comes later.
    pub(crate) fn over(&self, socket: TcpStream, host: &str) -> io::Result<TlsStream> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let connection = UnbufferedClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| errors::io_error(&error))?;
        Ok(TlsStream::new(socket, connection))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

fn builder(trust: &Arc<Trust>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(SystemClock))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?;
    // Dangerous are verifiers that check less; see `Trust` for its checks.
    let trust = Arc::clone(trust);
    Ok(builder.dangerous().with_custom_certificate_verifier(trust))
}

/// Each connection does a full handshake and depends on no other.
fn without_resumption(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// The CAs that the system trusts.
fn system_roots() -> Result<RootCertStore, Error> {
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
        return Err(Error::NoSystemCas);
    }
    Ok(roots)
}

fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let name = name_in(host);
    ServerName::try_from(name.clone()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "no certificate can be for {name}: expected a DNS name or an IP address; see \
                 --tls-name"
            ),
        )
    })
}
