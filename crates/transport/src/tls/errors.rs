//! TLS errors as one line of text.

use std::{
    fmt::Write,
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use rustls::{
    AlertDescription, CertificateError, Error, HandshakeType, InconsistentKeys, InvalidMessage,
    OtherError,
    pki_types::{ServerName, UnixTime},
};

/// A TLS error as an error of the stream.
pub(crate) fn io_error(error: &Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, describe(error))
}

/// The error for a certificate file that the TLS library rejects.
pub(crate) fn of_file(file: &Path, error: &Error) -> crate::Error {
    crate::Error::File {
        file: file.to_owned(),
        source: io_error(error),
    }
}

pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the private key is not that of the first certificate".to_owned()
        }
        Error::InvalidCertificate(error) => format!("certificate refused: {}", certificate(error)),
        Error::NoCertificatesPresented => {
            "the peer has no certificate, and --tls-client-ca demands one".to_owned()
        }
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => {
                "the peer demands a client certificate: give --tls-client-cert and --tls-client-key"
                    .to_owned()
            }
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate => {
                format!("the peer refused our certificate ({alert:?})")
            }
            _ => format!("the peer ended TLS with an alert ({alert:?})"),
        },
        // A client's error if the server echoes raw bytes.
        Error::InappropriateHandshakeMessage {
            got_type: HandshakeType::ClientHello,
            ..
        } => "the peer echoed our TLS greeting: it does not speak TLS, leave out --tls".to_owned(),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => format!("the peer does not speak TLS ({error})"),
        _ => error.to_string(),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let mut words = format!("it is not for {}", name(expected));
            if !presented.is_empty() {
                let _ = write!(words, " but for {}", names(presented));
            }
            words + "; --tls-name sets the name to expect"
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("it expired at {}", time(*not_after))
        }
        CertificateError::NotValidYetContext {
            not_before,
            time: now,
        } => format!(
            "it is not valid before {}, but this machine's clock is at {}",
            time(*not_before),
            time(*now)
        ),
        CertificateError::UnknownIssuer => {
            "its issuer is unknown; --tls-ca names the CAs to trust".to_owned()
        }
        CertificateError::BadSignature => {
            "its signature is not by the key of the CA to trust".to_owned()
        }
        CertificateError::Other(OtherError(error)) => match error.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "it is the certificate of a CA, not of a server (CA:TRUE); --tls-pin accepts it"
                    .to_owned()
            }
            _ => error.to_string(),
        },
        _ => error.to_string(),
    }
}

fn name(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// Names in webpki's form, `DnsName("localhost")`, without Rust's syntax. The
/// peer chose them, so control characters are escaped.
fn names(presented: &[String]) -> String {
    let names: Vec<String> = presented
        .iter()
        .map(|name| {
            let value = name
                .split_once('(')
                .map_or(name.as_str(), |(_, value)| value);
            let value = value.trim_end_matches(')').trim_matches('"');
            value.escape_debug().to_string()
        })
        .collect();
    names.join(", ")
}

fn time(time: UnixTime) -> String {
    // 9999-12-31, the last date in X.509 and in this format.
    let seconds = time.as_secs().min(253_402_300_799);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_in_certificate_names_are_escaped() {
        let presented = ["DnsName(\"a\u{1b}[2J\u{202e}\")", "IpAddress(127.0.0.1)"];
        assert_eq!(
            names(&presented.map(str::to_owned)),
            "a\\u{1b}[2J\\u{202e}, 127.0.0.1"
        );
    }
}
