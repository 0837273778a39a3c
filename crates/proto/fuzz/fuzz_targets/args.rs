//! The parsers of options: an accepted value matches the text, in every
//! notation, and an error is one line.
#![no_main]

use std::net::SocketAddr;

use cli::args::{parse_addr, parse_count, parse_size, parse_timeout};
use libfuzzer_sys::fuzz_target;

/// The value; a refusal must be one line.
fn accepted<T>(outcome: Result<T, String>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(reason) => {
            assert_eq!(reason.lines().count(), 1, "{reason}");
            None
        }
    }
}

fuzz_target!(|text: &str| {
    let count = accepted(parse_count(text));
    assert_eq!(count, text.parse().ok().filter(|&count| count > 0));

    let size = accepted(parse_size(text));
    if let Some(bytes) = size {
        assert_ne!(bytes, 0, "{text:?}");
        assert_eq!(parse_size(&bytes.to_string()), Ok(bytes), "{text:?}");
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(size, count, "{text:?}");
    }

    if let Some(duration) = accepted(parse_timeout(text)) {
        assert!(!duration.is_zero(), "{text:?}");
        if let Ok(nanos) = u64::try_from(duration.as_nanos()) {
            assert_eq!(parse_timeout(&format!("{nanos}ns")), Ok(duration));
        }
    }

    let addr = accepted(parse_addr(text));
    assert!(
        addr.is_some() || text.parse::<SocketAddr>().is_err(),
        "{text:?}"
    );
    if let Some(addr) = addr {
        assert_eq!(addr, text);
        // An option's value appears in the log and in errors.
        let (host, port) = text.rsplit_once(':').unwrap();
        assert!(!host.is_empty() && port.parse::<u16>().is_ok(), "{text:?}");
    }
});
