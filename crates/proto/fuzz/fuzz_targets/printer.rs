//! Whatever a peer sends, what is shown of it cannot drive a terminal, break a
//! line or turn its direction; text that does none of that is shown as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::Escaped;

/// Whether a terminal or a log reader may act on it: C0, DEL and C1, the
/// separators of lines and paragraphs, and all that has Unicode's property
/// `Bidi_Control`.
fn acts(c: char) -> bool {
    let code = u32::from(c);
    code < 0x20
        || (0x7f..0xa0).contains(&code)
        || [0x61c, 0x200e, 0x200f].contains(&code)
        || (0x2028..=0x202e).contains(&code)
        || (0x2066..=0x2069).contains(&code)
}

fuzz_target!(|data: &[u8]| {
    let shown = Escaped(data).to_string();
    assert!(!shown.contains(acts), "{shown:?}");

    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if !text.contains(acts) {
        assert_eq!(shown, text);
    }
    // What is escaped depends on nothing around it.
    let parts = text.split_inclusive(acts);
    let parts: String = parts
        .map(|part| Escaped(part.as_bytes()).to_string())
        .collect();
    assert_eq!(parts, shown);
});
