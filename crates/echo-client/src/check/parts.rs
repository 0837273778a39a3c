//! What rules send, part by part.

use std::fmt::Display;

use super::peer::CheckResult;

/// Tries one part after the other; if one fails, it is named.
pub(super) fn each<T: Display>(
    parts: impl IntoIterator<Item = T>,
    name: &mut String,
    mut check: impl FnMut(&T) -> CheckResult,
) -> CheckResult {
    for part in parts {
        *name = part.to_string();
        check(&part)?;
    }
    name.clear();
    Ok(())
}

/// Text of a length; 23 letters in turn, so that no power of two is a multiple.
pub(super) fn text(len: usize) -> Vec<u8> {
    (b'a'..b'x').cycle().take(len).collect()
}
