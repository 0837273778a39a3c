//! Verification of a server's certificate.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{Fingerprint, provider};

/// The servers to trust. No rule accepts all servers.
#[derive(Debug)]
pub(crate) struct Trust {
    rule: TrustRule,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum TrustRule {
    /// Servers whose certificate a CA signed for their name.
    Cas(Arc<WebPkiServerVerifier>),
    /// The server with this certificate, whatever its content.
    Pin(Fingerprint),
}

impl Trust {
    pub(crate) fn cas(roots: RootCertStore) -> Result<Self, crate::Error> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map(|verifier| Self::new(TrustRule::Cas(verifier)))
            .map_err(|error| crate::Error::Tls(error.to_string()))
    }

    pub(crate) fn pin(fingerprint: Fingerprint) -> Self {
        Self::new(TrustRule::Pin(fingerprint))
    }

    fn new(rule: TrustRule) -> Self {
        let algorithms = provider().signature_verification_algorithms;
        Self { rule, algorithms }
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.rule {
            TrustRule::Cas(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| match error {
                    Error::InvalidCertificate(CertificateError::UnknownIssuer)
                        if is_self_signed(end_entity) =>
                    {
                        refused(Refused::SelfSigned(Fingerprint::of(end_entity)))
                    }
                    other => other,
                }),
            TrustRule::Pin(pinned) => {
                let presented = Fingerprint::of(end_entity);
                if presented == *pinned {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(refused(Refused::NotPinned(presented)))
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate names itself as its issuer.
fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

/// Why a certificate was refused, for reasons that rustls does not have.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(
        "it is self-signed and not given with --tls-ca; if its fingerprint {0} is the one that \
         the server prints, give that with --tls-pin"
    )]
    SelfSigned(Fingerprint),
    #[error("its fingerprint is {0}, not the one given with --tls-pin")]
    NotPinned(Fingerprint),
}

fn refused(why: Refused) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}
