//! CAs and certificates generated for a test, in temporary files.

use std::{fs, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// A CA that signs test certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
}

/// The files of a certificate and its key, as arguments.
pub struct Files {
    /// The certificate's file.
    pub cert: String,
    /// The key's file.
    pub key: String,
}

impl Authority {
    /// Generates a CA, with its certificate in a file.
    pub fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        fs::write(dir.path().join("ca.pem"), cert.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, dir }
    }

    /// The file of the CA's certificate.
    pub fn file(&self) -> String {
        text(&self.dir.path().join("ca.pem"))
    }

    /// A rustls client configuration that trusts this CA.
    pub fn client_config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.file()).unwrap();
        roots.add(ca).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// A rustls client session that trusts this CA.
    pub fn session(&self) -> ClientConnection {
        let name = "localhost".try_into().unwrap();
        ClientConnection::new(self.client_config(), name).unwrap()
    }

    /// A rustls server configuration with a certificate for this machine.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let files = self.issue();
        let chain = CertificateDer::pem_file_iter(&files.cert).unwrap();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        Arc::new(config)
    }

    /// Issues a certificate for this machine.
    pub fn issue(&self) -> Files {
        self.sign("good", &named("good", &["localhost", "127.0.0.1"]))
    }

    /// Issues a certificate for another name.
    pub fn issue_for(&self, name: &str) -> Files {
        self.sign(name, &named(name, &[name]))
    }

    /// Issues an expired certificate for this machine, valid for a year.
    pub fn issue_expired(&self) -> Files {
        let mut params = named("expired", &["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign("expired", &params)
    }

    /// Generates a self-signed certificate.
    pub fn self_signed(&self, is_authority: bool) -> Files {
        let mut params = named("alone", &["localhost", "127.0.0.1"]);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        self.write(
            if is_authority { "alone-ca" } else { "alone" },
            &cert.pem(),
            &key,
        )
    }

    fn sign(&self, file: &str, params: &CertificateParams) -> Files {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        self.write(file, &cert.pem(), &key)
    }

    fn write(&self, name: &str, cert: &str, key: &KeyPair) -> Files {
        let cert_file = self.dir.path().join(format!("{name}.pem"));
        let key_file = self.dir.path().join(format!("{name}.key"));
        fs::write(&cert_file, cert).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        Files {
            cert: text(&cert_file),
            key: text(&key_file),
        }
    }
}

impl Files {
    /// The options of a server.
    pub fn server(&self) -> [&str; 4] {
        ["--tls-cert", &self.cert, "--tls-key", &self.key]
    }

    /// The options of a client.
    pub fn client(&self) -> [&str; 4] {
        [
            "--tls-client-cert",
            &self.cert,
            "--tls-client-key",
            &self.key,
        ]
    }
}

fn named(common: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
