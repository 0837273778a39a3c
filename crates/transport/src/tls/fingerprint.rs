//! The fingerprint of a certificate.

use std::{fmt, str::FromStr};

use ring::digest;
use rustls::pki_types::CertificateDer;

const LEN: usize = digest::SHA256_OUTPUT_LEN;

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
pub struct Fingerprint([u8; LEN]);

impl Fingerprint {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = digest::digest(&digest::SHA256, certificate);
        let mut bytes = [0; LEN];
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
        parse(text).map(Self).ok_or(ParseFingerprintError)
    }
}

fn parse(text: &str) -> Option<[u8; LEN]> {
    let mut digits = text.chars().filter(|&c| c != ':').map(|c| c.to_digit(16));
    let mut bytes = [0; LEN];
    for byte in &mut bytes {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}

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
