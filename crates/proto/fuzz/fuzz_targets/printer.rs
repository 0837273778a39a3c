//! Whatever a peer sends, the printed text cannot control a terminal, break a
//! line or reverse its direction; harmless text is unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::Escaped;

/// Whether a terminal or a log viewer may act on it: C0, DEL and C1, line and
/// paragraph separators, and all characters with Unicode's property
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
    // Escapes do not depend on context.
    let parts = text.split_inclusive(acts);
    let parts: String = parts
        .map(|part| Escaped(part.as_bytes()).to_string())
        .collect();
    assert_eq!(parts, shown);
});
