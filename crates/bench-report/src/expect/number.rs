//! Numbers in an expectation.

/// A number and the scale that its suffix stands for.
pub(super) fn parse_scaled(text: &str, suffixes: &[(&str, f64)]) -> Option<(f64, f64)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (_, scale) = suffixes.iter().find(|(name, _)| *name == suffix.trim())?;
    Some((parse(number)?, *scale))
}

/// Digits with or without a point: `f64` itself would accept `inf` and `1e5`.
pub(super) fn parse(text: &str) -> Option<f64> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = text.parse().ok().filter(|_| is_plain)?;
    number.is_finite().then_some(number)
}
