//! Certificates and keys in PEM files (RFC 7468).
//!
//! The library decodes a section; this module finds the sections. The library
//! skips what it does not recognise, such as a section after a byte order mark,
//! or one that begins on the line where another ends: a certificate would be
//! missing without an error.

use std::{io, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{Error, PatientFile};

/// One dash is enough to find a marker; five are required.
const BEGIN: &[u8] = b"-BEGIN ";
const END: &[u8] = b"-END ";
const DASHES: &[u8] = b"-----";

/// Maximum size of a file, in bytes: all CAs of a system take a quarter of a
/// megabyte.
const MAX_FILE: u64 = 16 << 20;

/// The certificates in a PEM file, in its order; at least one.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    in_file(file, |text| {
        let mut certificates = Vec::new();
        for section in sections(text)? {
            if let Some(certificate) = section.certificate().map_err(|why| section.at(&why))? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(nothing(text, "certificate"));
        }
        Ok(certificates)
    })
}

/// The private key in a PEM file.
pub(crate) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    in_file(file, |text| {
        let mut key = None;
        for section in sections(text)? {
            let Some(found) = section.key().map_err(|why| section.at(&why))? else {
                continue;
            };
            if key.replace(found).is_some() {
                return Err(section.at("a second private key: leave one in the file"));
            }
        }
        key.ok_or_else(|| nothing(text, "private key"))
    })
}

/// The certificates in a PEM file, as trusted roots.
pub(crate) fn roots(file: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for (n, certificate) in certificates(file)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| {
            let why = format!("certificate {} cannot be trusted: {error}", n + 1);
            unusable(file, io::Error::other(why))
        })?;
    }
    Ok(roots)
}

fn in_file<T>(file: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, Error> {
    let read = || {
        let text = PatientFile::open(file)?.read_all(MAX_FILE)?;
        parse(&text).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
    };
    read().map_err(|source| unusable(file, source))
}

fn unusable(file: &Path, source: io::Error) -> Error {
    Error::File {
        file: file.to_owned(),
        source,
    }
}

/// The error for a file without a usable section.
fn nothing(text: &[u8], what: &str) -> String {
    let is_der = match text {
        [0x30, 0x80..=0x84, ..] => true,
        [0x30, len, rest @ ..] => usize::from(*len) == rest.len(),
        _ => false,
    };
    match text {
        _ if is_der => format!(
            "it is in DER form, or PKCS #12, not PEM; openssl {} converts it",
            if what == "certificate" {
                "x509 -inform DER"
            } else {
                "pkey -inform DER"
            }
        ),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            "it is UTF-16 text; save it as ASCII or UTF-8".to_owned()
        }
        _ => format!("it holds no {what} in PEM form"),
    }
}

/// The text between BEGIN and END.
struct Section<'a> {
    label: &'a str,
    line: usize,
    body: &'a [u8],
}

/// The sections of a file, wherever on a line they begin and end.
fn sections(text: &[u8]) -> Result<Vec<Section<'_>>, String> {
    let line_of = |rest: &[u8]| {
        let before = text.len() - rest.len();
        1 + text.iter().take(before).filter(|&&b| b == b'\n').count()
    };
    let mut sections = Vec::new();
    let mut rest = text;
    loop {
        let begin = split(rest, BEGIN);
        let before = begin.map_or(rest, |(before, _)| before);
        if let Some((_, behind)) = split(before, END) {
            let line = line_of(behind);
            return Err(format!(
                "line {line}: a section ends there and has no beginning"
            ));
        }
        let Some((before, inside)) = begin else {
            return Ok(sections);
        };
        let line = line_of(inside);
        let section = before
            .strip_suffix(b"----")
            .and_then(|_| section(inside, line));
        let (section, behind) =
            section.ok_or_else(|| format!("line {line}: a section begins there and has no end"))?;
        sections.push(section);
        rest = behind;
    }
}

/// The section whose label `text` begins with, and what follows it.
fn section(text: &[u8], line: usize) -> Option<(Section<'_>, &[u8])> {
    let (label, inside) = split(text, DASHES)?;
    let (body, end) = split(inside, END)?;
    let body = body.strip_suffix(b"----")?;
    let behind = end.strip_prefix(label)?.strip_prefix(DASHES)?;
    let label = str::from_utf8(label).ok()?;
    let is_cut = split(body, BEGIN).is_some();
    (!is_cut).then_some((Section { label, line, body }, behind))
}

impl Section<'_> {
    fn at(&self, why: &str) -> String {
        format!("line {}: {}: {why}", self.line, self.label.escape_debug())
    }

    /// `None` for sections that commonly accompany certificates.
    fn certificate(&self) -> Result<Option<CertificateDer<'static>>, String> {
        match self.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => {}
            "TRUSTED CERTIFICATE" => {
                return Err("a form of OpenSSL's own; openssl x509 -in FILE converts it".to_owned());
            }
            "PKCS7" | "CMS" => {
                return Err("openssl pkcs7 -in FILE -print_certs converts it".to_owned());
            }
            "X509 CRL" => return Err("revocation lists are not supported".to_owned()),
            label if is_beside(label) => return Ok(None),
            _ => return Err("it is not a certificate".to_owned()),
        }
        let certificate: CertificateDer<'_> = self.decode("CERTIFICATE")?;
        if is_whole(&certificate) {
            Ok(Some(certificate))
        } else {
            Err("it is damaged or truncated".to_owned())
        }
    }

    /// `None` for what is not a private key.
    fn key(&self) -> Result<Option<PrivateKeyDer<'static>>, String> {
        let is_encrypted = split(self.body, b"ENCRYPTED").is_some();
        match self.label {
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" if !is_encrypted => {
                self.decode(self.label).map(Some)
            }
            "OPENSSH PRIVATE KEY" => Err("ssh-keygen -p -m PKCS8 -f FILE converts it".to_owned()),
            label if label.ends_with("PRIVATE KEY") => {
                let is_encrypted = is_encrypted || label == "ENCRYPTED PRIVATE KEY";
                Err(if is_encrypted {
                    "it is encrypted; openssl pkey -in FILE decrypts it".to_owned()
                } else {
                    "this kind of key is not supported".to_owned()
                })
            }
            _ => Ok(None),
        }
    }

    fn decode<T: PemObject>(&self, label: &str) -> Result<T, String> {
        let (begin, end) = (
            format!("-----BEGIN {label}-----\n"),
            format!("\n-----END {label}-----"),
        );
        let text = [begin.as_bytes(), self.body, end.as_bytes()].concat();
        T::from_pem_slice(&text).map_err(|error| error.to_string())
    }
}

/// Sections that are not certificates and often accompany them.
fn is_beside(label: &str) -> bool {
    ["PRIVATE KEY", "PUBLIC KEY", "PARAMETERS"]
        .iter()
        .any(|end| label.ends_with(end))
}

/// Whether DER is exactly one sequence (X.690, 8.1.3).
fn is_whole(der: &[u8]) -> bool {
    let (header, len) = match *der {
        [0x30, 0x81, a, ..] => (3, usize::from(a)),
        [0x30, 0x82, a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
        [0x30, 0x83, a, b, c, ..] => (5, u32::from_be_bytes([0, a, b, c]) as usize),
        _ => return false,
    };
    der.len() == header + len
}

/// The text before and after the first `part`.
fn split<'a>(text: &'a [u8], part: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(part.len()).position(|bytes| bytes == part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::unwrap_used)]
mod tests;
