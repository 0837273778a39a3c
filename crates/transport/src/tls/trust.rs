//! Verification of a server's certificate.

use std::{fmt, str::FromStr, sync::Arc};

use ring::digest;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::provider;

/// The SHA-256 of a certificate in DER form, as printed by `openssl x509
/// -fingerprint -sha256`.
///
/// # Examples
///
/// ```
/// use transport::Fingerprint;
///
/// let fingerprint: Fingerprint = "0f".repeat(32).parse().unwrap();
/// assert!(fingerprint.to_string().starts_with("0F:0F:0F:"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

impl Fingerprint {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = digest::digest(&digest::SHA256, certificate);
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// The error of parsing a [`Fingerprint`].
///
/// # Examples
///
/// ```
/// let error = "0f".parse::<transport::Fingerprint>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "expected a SHA-256 fingerprint: 64 hexadecimal digits"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a SHA-256 fingerprint: 64 hexadecimal digits")]
#[non_exhaustive]
pub struct ParseFingerprintError;

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Accepts hexadecimal digits of either case, with or without colons.
    fn from_str(text: &str) -> Result<Self, ParseFingerprintError> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|&c| c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let pairs = digits.as_deref().map(<[u8]>::as_chunks::<2>);
        let bytes: Option<Vec<u8>> = match pairs {
            Some((pairs, [])) => Some(pairs.iter().map(|[high, low]| high << 4 | low).collect()),
            _ => None,
        };
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(ParseFingerprintError)
    }
}

/// The servers to trust. There is no variant for all servers.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Servers whose certificate a CA signed for their name.
    Authorities(Arc<WebPkiServerVerifier>),
    /// The server with this certificate, whatever its content.
    Pin(Fingerprint, Arc<CryptoProvider>),
}

impl Trust {
    pub(crate) fn authorities(roots: RootCertStore) -> Result<Self, crate::Error> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = verifier.build();
        let verifier = verifier.map_err(|error| crate::Error::Tls(error.to_string()))?;
        Ok(Self::Authorities(verifier))
    }

    pub(crate) fn pin(fingerprint: Fingerprint) -> Self {
        Self::Pin(fingerprint, provider())
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
        match self {
            Self::Authorities(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| match error {
                    Error::InvalidCertificate(CertificateError::UnknownIssuer)
                        if is_self_signed(end_entity) =>
                    {
                        refused(Refused::SelfSigned(Fingerprint::of(end_entity)))
                    }
                    other => other,
                }),
            Self::Pin(pinned, _) => {
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
        match self {
            Self::Authorities(verifier) => verifier.verify_tls12_signature(message, cert, dss),
            Self::Pin(_, provider) => verify_tls12_signature(
                message,
                cert,
                dss,
                &provider.signature_verification_algorithms,
            ),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Self::Authorities(verifier) => verifier.verify_tls13_signature(message, cert, dss),
            Self::Pin(_, provider) => verify_tls13_signature(
                message,
                cert,
                dss,
                &provider.signature_verification_algorithms,
            ),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Self::Authorities(verifier) => verifier.supported_verify_schemes(),
            Self::Pin(_, provider) => provider
                .signature_verification_algorithms
                .supported_schemes(),
        }
    }
}

/// Whether a certificate names itself as its issuer.
fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

/// Why a certificate was rejected, for reasons that rustls does not have.
#[derive(Debug)]
pub(crate) enum Refused {
    SelfSigned(Fingerprint),
    NotPinned(Fingerprint),
}

fn refused(why: Refused) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfSigned(fingerprint) => write!(
                f,
                "it is self-signed and not given with --tls-ca; if its fingerprint \
                 {fingerprint} is the one that the server prints, give that with --tls-pin"
            ),
            Self::NotPinned(fingerprint) => write!(
                f,
                "its fingerprint is {fingerprint}, not the one given with --tls-pin"
            ),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_fingerprints_parse() {
        let fingerprint = Fingerprint::of(&CertificateDer::from_slice(b"abc"));
        let text = fingerprint.to_string();
        // FIPS 180-2, appendix B.1.
        assert!(text.starts_with("BA:78:16:BF:8F:01:CF:EA:"), "{text}");
        for text in [text.clone(), text.to_lowercase(), text.replace(':', "")] {
            assert_eq!(text.parse(), Ok(fingerprint), "{text}");
        }
        let cut = text.get(..text.len() - 1).unwrap_or_default();
        for bad in [
            "",
            "BA",
            cut,
            &text.replace('A', "G"),
            &(text.clone() + "00"),
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
