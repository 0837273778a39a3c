//! PEM files as found in practice: accepted, or rejected with the reason.

use std::fs;

use super::*;

/// A certificate and its key.
fn made() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

/// The result of parsing a file with these bytes, or the error.
fn try_file<T>(
    bytes: impl AsRef<[u8]>,
    parse: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<T, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    parse(file.path()).map_err(|error| {
        assert_eq!(
            error.to_string(),
            format!("cannot use {}", file.path().display())
        );
        std::error::Error::source(&error).unwrap().to_string()
    })
}

#[test]
fn no_certificate_is_skipped_silently() {
    let (a, key) = made();
    let (b, _) = made();
    let (last, next) = (a.lines().count(), a.lines().count() + 1);
    let lines = |pem: &str, n| pem.lines().take(n).collect::<Vec<_>>().join("\n");
    let (cut, trusted) = (
        lines(&a, 5),
        a.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
    );
    for (bytes, count) in [
        (a.clone(), 1),
        (format!("\u{feff}{a}\u{feff}{b}"), 2),
        (format!("{a}{b}").replace('\n', "\r\n"), 2),
        (a.replace('\n', "\r"), 1),
        (format!("Bag Attributes\n{a}subject=CN = b\n{b}the end"), 2),
        (format!("{}{b}", a.trim_end()), 2),
        (format!("text {a}"), 1),
        (a.replace('\n', "\n  "), 1),
        (a.replace('\n', ""), 1),
        (format!("{key}{a}{b}"), 2),
        (a.replace("CERTIFICATE", "X509 CERTIFICATE"), 1),
    ] {
        let found = try_file(&bytes, |file| Ok(certificates(file)?.len()));
        assert_eq!(found, Ok(count), "{bytes}");
        assert_eq!(
            try_file(&bytes, |file| Ok(roots(file)?.len())),
            Ok(count),
            "{bytes}"
        );
    }
    for (bytes, reason) in [
        (String::new().into(), "it holds no certificate in PEM form"),
        (key.clone().into(), "it holds no certificate in PEM form"),
        (
            der(&a),
            "it is in DER form, or PKCS #12, not PEM; openssl x509 -inform",
        ),
        (utf16(&a), "it is UTF-16 text"),
        (
            cut.clone().into(),
            "line 1: a section begins there and has no end",
        ),
        (
            format!("{a}{cut}").into(),
            &format!("line {next}: a section begins there and has no end"),
        ),
        (
            format!("{cut}\n{b}").into(),
            "line 1: a section begins there and has no end",
        ),
        (
            a.replace("BEGIN", "BEGAN").into(),
            &format!("line {last}: a section ends there and has no beg"),
        ),
        (
            format!("{a}-{b}").replace("------", "----").into(),
            &format!("line {next}: a section begins there"),
        ),
        (
            format!("{a}{trusted}").into(),
            &format!("line {next}: TRUSTED CERTIFICATE: a form of Open"),
        ),
        (
            a.replace("CERTIFICATE", "PKCS7").into(),
            "line 1: PKCS7: openssl pkcs7",
        ),
        (
            a.replace("CERTIFICATE", "X509 CRL").into(),
            "line 1: X509 CRL: revocation lists",
        ),
        (
            a.replace("CERTIFICATE", "\x1b[2J").into(),
            "line 1: \\u{1b}[2J: it is not a cert",
        ),
        (
            a.replacen('M', "!", 1).into(),
            "line 1: CERTIFICATE: base64 decode error",
        ),
        (
            a.replacen("\nMII", "\nAAA", 1).into(),
            "line 1: CERTIFICATE: it is damaged or truncated",
        ),
    ] {
        let bytes: Vec<u8> = bytes;
        let found = try_file(&bytes, |file| Ok(certificates(file)?.len()));
        let text = String::from_utf8_lossy(&bytes);
        let error = found.expect_err(&text);
        assert!(
            error.starts_with(reason),
            "{error}, not {reason}, of {text}"
        );
    }
}

#[test]
fn a_key_is_found_or_rejected_with_the_reason() {
    let (certificate, a) = made();
    let (_, b) = made();
    let relabel = |label: &str| a.replace("PRIVATE KEY", label);
    for bytes in [
        a.clone(),
        format!("\u{feff}{}", a.replace('\n', "\r\n")),
        format!("{}{a}", certificate.trim_end()),
        format!("-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n{a}"),
    ] {
        assert_eq!(
            try_file(&bytes, |file| key(file).map(drop)),
            Ok(()),
            "{bytes}"
        );
    }
    let old = "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n";
    let encrypted = a
        .replacen("PRIVATE KEY-----\n", old, 1)
        .replace("END PRIVATE", "END RSA PRIVATE");
    for (bytes, reason) in [
        (String::new(), "it holds no private key in PEM form"),
        (certificate, "it holds no private key in PEM form"),
        (
            format!("{a}{b}"),
            "line 6: PRIVATE KEY: a second private key",
        ),
        (
            relabel("ENCRYPTED PRIVATE KEY"),
            "line 1: ENCRYPTED PRIVATE KEY: it is encrypted",
        ),
        (
            encrypted,
            "line 1: RSA PRIVATE KEY: it is encrypted; openssl pkey",
        ),
        (
            relabel("OPENSSH PRIVATE KEY"),
            "line 1: OPENSSH PRIVATE KEY: ssh-keygen",
        ),
        (
            relabel("DSA PRIVATE KEY"),
            "line 1: DSA PRIVATE KEY: this kind of key is not supported",
        ),
        (
            a.replace("END", "DNE"),
            "line 1: a section begins there and has no end",
        ),
    ] {
        let error = try_file(&bytes, |file| key(file).map(drop)).expect_err(&bytes);
        assert!(
            error.starts_with(reason),
            "{error}, not {reason}, of {bytes}"
        );
    }
}
