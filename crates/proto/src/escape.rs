//! Printing a peer's bytes safely.

use std::fmt;

/// Displays bytes as text that cannot drive a terminal or forge a log line.
///
/// Printable UTF-8 is unchanged, a backslash included. Control characters (C0, DEL, C1), line and
/// paragraph separators, the bidirectional controls of Unicode's UAX #9, and
/// invalid UTF-8 (`\xff`) are escaped.
///
/// # Examples
///
/// ```
/// use proto::Escaped;
///
/// assert_eq!(Escaped(b"caf\xc3\xa9 \x1b[2J\n\xff").to_string(), r"café \x1b[2J\n\xff");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\t' => f.write_str("\\t")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\0'..='\x7f' if c.is_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                    _ if c.is_control() || is_layout_control(c) => {
                        write!(f, "\\u{{{:x}}}", u32::from(c))?;
                    }
                    _ => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a character changes the order or the lines of the text around it.
fn is_layout_control(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'                   // Arabic letter mark
        | '\u{200e}' | '\u{200f}'   // left-to-right and right-to-left mark
        | '\u{2028}' | '\u{2029}'   // line and paragraph separator
        | '\u{202a}'..='\u{202e}'   // embeddings and overrides
        | '\u{2066}'..='\u{2069}'   // isolates
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No character that controls a terminal remains.
    #[test]
    fn every_single_byte_is_harmless() {
        for byte in 0..=u8::MAX {
            let shown = Escaped(&[byte]).to_string();
            assert!(shown.chars().all(|c| !c.is_control()), "{byte:#04x}");
            let printable = (0x20..0x7f).contains(&byte);
            assert_eq!(shown.as_bytes() == [byte], printable, "{byte:#04x}");
        }
    }

    #[test]
    fn every_character_is_shown_or_escaped() {
        for c in char::MIN..=char::MAX {
            let shown = Escaped(c.to_string().as_bytes()).to_string();
            if c.is_control() || is_layout_control(c) {
                assert!(shown.starts_with('\\') && shown.is_ascii(), "{shown}");
            } else {
                assert_eq!(shown, c.to_string());
            }
        }
    }

    #[test]
    fn golden_lines() {
        for (bytes, shown) in [
            (&b"Hello World!"[..], "Hello World!"),
            ("日本語".as_bytes(), "日本語"),
            (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            ("\u{202e}drawkcab".as_bytes(), r"\u{202e}drawkcab"),
            (b"\xe3\x81", r"\xe3\x81"),
            (b"a\xffb", r"a\xffb"),
            (b"a\tb\r\n\0", r"a\tb\r\n\x00"),
            (b"", ""),
        ] {
            assert_eq!(Escaped(bytes).to_string(), shown);
        }
    }
}
