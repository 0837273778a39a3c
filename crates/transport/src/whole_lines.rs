//! Lines to an output that may take a part of one.

use std::io::{self, Write};

/// Writes whole lines or none: after a partial write, the rest of the line is
/// written before anything else. It never waits; the output may.
///
/// # Examples
///
/// ```
/// use transport::WholeLines;
///
/// let mut full = [0; 9];
/// let mut out = WholeLines::new(&mut full[..]);
/// let (lost, error) = out.write(b"one\ntwo\nthree\nfour\n");
/// assert_eq!(lost, 1); // "four"; the rest of "three" comes first
/// assert!(error.is_some());
/// ```
#[derive(Debug)]
pub struct WholeLines<W> {
    out: W,
    /// The unwritten rest of a partly written line.
    rest: Vec<u8>,
}

impl<W: Write> WholeLines<W> {
    /// Writes to `out`, at the beginning of a line.
    #[must_use]
    pub const fn new(out: W) -> Self {
        Self {
            out,
            rest: Vec::new(),
        }
    }

    /// The output.
    #[must_use]
    pub const fn get_ref(&self) -> &W {
        &self.out
    }

    /// Writes lines, each with its end. Returns how many were dropped, and the error
    /// that ended the write, if one did.
    pub fn write(&mut self, lines: &[u8]) -> (u64, Option<io::Error>) {
        let rest = std::mem::take(&mut self.rest);
        let (rest, error) = write_most(&mut self.out, &rest);
        if !rest.is_empty() {
            self.rest = rest.to_vec();
            return (count(lines), error);
        }
        let (mut left, error) = write_most(&mut self.out, lines);
        let is_partial =
            lines.len() > left.len() && lines.get(lines.len() - left.len() - 1) != Some(&b'\n');
        if is_partial {
            let end = left.iter().position(|&byte| byte == b'\n');
            let (rest, after) = left.split_at(end.map_or(left.len(), |end| end + 1));
            self.rest = rest.to_vec();
            left = after;
        }
        (count(left), error)
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.split_inclusive(|&byte| byte == b'\n').count() as u64
}

/// Writes until an error; returns the unwritten rest, and the error.
fn write_most<'a>(out: &mut impl Write, mut bytes: &'a [u8]) -> (&'a [u8], Option<io::Error>) {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return (bytes, Some(io::ErrorKind::WriteZero.into())),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (bytes, Some(error)),
        }
    }
    (bytes, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts this many bytes per write, or fails for 0.
    struct Takes<'a>(&'a mut Vec<u8>, &'a [usize]);

    impl Write for Takes<'_> {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            match self.1.split_first() {
                Some((0, rest)) => {
                    self.1 = rest;
                    Err(io::ErrorKind::StorageFull.into())
                }
                Some((&most, rest)) => {
                    self.1 = rest;
                    let n = buf.len().min(most);
                    self.0.extend_from_slice(buf.get(..n).unwrap_or_default());
                    Ok(n)
                }
                None => {
                    self.0.extend_from_slice(buf);
                    Ok(buf.len())
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_dropped_as_a_whole_and_counted() {
        for (takes, lost, said) in [
            (&[][..], [0, 0, 0], "one\ntwo\nthree\nfour\n"),
            (&[0], [2, 0, 0], "three\nfour\n"),
            (&[4, 0], [1, 0, 0], "one\nthree\nfour\n"),
            (&[3, 0], [1, 0, 0], "one\nthree\nfour\n"),
            (&[1, 5, 0], [0, 0, 0], "one\ntwo\nthree\nfour\n"),
            (&[6, 0, 0], [0, 1, 0], "one\ntwo\nfour\n"),
            (&[1, 0, 1, 0, 1, 0], [1, 1, 1], "one"),
        ] {
            let mut said_so_far = Vec::new();
            let mut out = WholeLines::new(Takes(&mut said_so_far, takes));
            let was_lost =
                [b"one\ntwo\n", &b"three\n"[..], b"four\n"].map(|lines| out.write(lines).0);
            assert_eq!(was_lost, lost, "{takes:?}");
            assert_eq!(said_so_far, said.as_bytes(), "{takes:?}");
        }
    }

    /// Whatever the output takes of each write, what it has in the end is whole lines,
    /// in order, and all that are missing were counted.
    #[test]
    fn no_line_is_lost_uncounted_or_cut() {
        const SIZES: [usize; 5] = [0, 1, 3, 4, 9];

        for case in 0..SIZES.len().pow(6) {
            let takes: Vec<usize> = (0..6)
                .filter_map(|place| SIZES.get(case / SIZES.len().pow(place) % SIZES.len()))
                .copied()
                .collect();
            let mut said = Vec::new();
            let mut out = WholeLines::new(Takes(&mut said, &takes));
            let batches = [&b"a\nbcd\n"[..], b"\n", b"efgh\ni\n", b"j\n", b"end\n"];
            let lost: u64 = batches.into_iter().map(|lines| out.write(lines).0).sum();
            // The rest of the last line, if there is one.
            assert_eq!(out.write(b"").0, 0);
            let mut all = ["a", "bcd", "", "efgh", "i", "j", "end"].into_iter();
            let said = String::from_utf8(said).unwrap_or_default();
            let whole = said
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            let whole: Vec<&str> = whole.map(|line| line.trim_end_matches('\n')).collect();
            let is_partial = !said.is_empty() && !said.ends_with('\n');
            assert!(
                whole.iter().all(|line| all.any(|each| each == *line)),
                "{takes:?}: {said}"
            );
            assert_eq!(
                whole.len() as u64 + lost + u64::from(is_partial),
                7,
                "{takes:?}: {said}"
            );
        }
    }
}
