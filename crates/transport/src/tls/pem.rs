//! Certificates and keys in files.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The certificates in a PEM file, in its order; at least one.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let name = file.display();
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read certificates from {name}"))?;
    if certificates.is_empty() {
        bail!("{name} holds no certificate in PEM form");
    }
    Ok(certificates)
}

/// The first private key in a PEM file.
pub(crate) fn key(file: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file).with_context(|| {
        format!(
            "cannot read a private key in PEM form from {}",
            file.display()
        )
    })
}

/// The certificates in a PEM file as those to trust.
pub(crate) fn roots(file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .with_context(|| format!("{} holds no certificate to trust", file.display()))?;
    }
    Ok(roots)
}
