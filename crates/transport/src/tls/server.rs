//! A server's certificate, and its check of clients.

use std::{fmt, io, net::TcpStream, path::Path, sync::Arc};

use rcgen::{CertificateParams, CertifiedKey, DistinguishedName, DnType, KeyPair};
use rustls::{
    ConfigBuilder, ServerConfig, WantsVerifier,
    pki_types::PrivateKeyDer,
    server::{NoServerSessionStorage, UnbufferedServerConnection, WebPkiClientVerifier},
};

use super::{Fingerprint, TlsStream, clock::SystemClock, errors, pem, provider};
use crate::{Error, resolve::name_in};

/// TLS settings of a server.
///
/// # Examples
///
/// ```
/// use std::{io::{Read, Write}, net::TcpListener, thread};
///
/// use transport::{ClientTls, Dialer, ServerTls, Stream};
///
/// let (tls, certificate) = ServerTls::self_signed("localhost:0")?;
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut dialer = Dialer::new(listener.local_addr()?.to_string());
/// dialer.tls = Some(ClientTls::pinned(certificate.fingerprint)?);
/// let serving = thread::spawn(move || {
///     let (socket, _) = listener.accept()?;
///     let stream = Stream::from(tls.over(socket)?);
///     stream.handshake(None)?;
///     (&stream).write_all(b"hi")
/// });
///
/// let mut received = [0; 2];
/// (&dialer.dial()?).read_exact(&mut received)?;
/// assert_eq!(&received, b"hi");
/// serving.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

/// A generated certificate. Its key stays in memory.
///
/// # Examples
///
/// ```
/// use transport::ServerTls;
///
/// let (_, certificate) = ServerTls::self_signed("echo.example:60000")?;
/// assert!(certificate.pem.starts_with("-----BEGIN CERTIFICATE-----"));
/// println!("pin this: {}", certificate.fingerprint);
/// # Ok::<(), transport::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Certificate {
    /// The fingerprint for clients to [pin](super::ClientTls::pinned).
    pub fingerprint: Fingerprint,
    /// The content of a file for clients to
    /// [trust](super::ClientTls::trusting).
    pub pem: String,
}

impl ServerTls {
    /// Presents the certificates in a PEM file, the server's first, with its
    /// key in another file.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn with_certificate(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let (chain, secret) = (pem::certificates(certificate)?, pem::key(key)?);
        let config = builder()?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| errors::of_file(certificate, &error))?;
        Ok(Self::new(config))
    }

    /// Presents a new self-signed certificate for `host`, an address to listen
    /// on, and for the loopback names and addresses.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`].
    pub fn self_signed(host: &str) -> Result<(Self, Certificate), Error> {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        let host = name_in(host);
        if !names.contains(&host) {
            names.push(host);
        }
        let made = make(names).map_err(|error| Error::Tls(error.to_string()))?;
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = builder()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .map_err(|error| Error::Tls(errors::describe(&error)))?;
        let certificate = Certificate {
            fingerprint: Fingerprint::of(made.cert.der()),
            pem: made.cert.pem(),
        };
        Ok((Self::new(config), certificate))
    }

    /// Rejects clients without a certificate of one of the CAs in a PEM file.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn requiring_clients_of(self, file: &Path) -> Result<Self, Error> {
        let roots = Arc::new(pem::roots(file)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| Error::Tls(error.to_string()))?;
        let config = builder()?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&self.0.cert_resolver));
        Ok(Self::new(config))
    }

    /// No resumption: each connection does a full handshake and shares nothing
    /// with others.
    fn new(mut config: ServerConfig) -> Self {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self(Arc::new(config))
    }

    /// Starts TLS on an accepted socket; the handshake comes later.
    ///
    /// # Errors
    ///
    /// The TLS library's error; never about the peer, which has sent nothing
    /// yet.
    pub fn over(&self, socket: TcpStream) -> io::Result<TlsStream> {
        let connection = UnbufferedServerConnection::new(Arc::clone(&self.0))
            .map_err(|error| errors::io_error(&error))?;
        Ok(TlsStream::new(socket, connection))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, Error> {
    ServerConfig::builder_with_details(provider(), Arc::new(SystemClock))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))
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
