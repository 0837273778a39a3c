//! The time that all ranks measured.

use serde::Deserialize;

/// When a slice was measured.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct SliceTime {
    pub(super) start_unix_s: f64,
    pub(super) length_s: f64,
}

/// From and to an instant, in Unix time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CommonWindow {
    pub(super) start_s: f64,
    pub(super) end_s: f64,
}

impl CommonWindow {
    /// That of a file; `None` when it measured nothing.
    pub(super) fn of(slices: &[SliceTime]) -> Option<Self> {
        let (first, last) = (slices.first()?, slices.last()?);
        Some(Self {
            start_s: first.start_unix_s,
            end_s: last.start_unix_s + last.length_s,
        })
    }

    /// The part that is in all of them; of no length if there is none.
    pub(super) fn common(windows: &[Self]) -> Option<Self> {
        let common = windows.iter().copied().reduce(|a, b| Self {
            start_s: a.start_s.max(b.start_s),
            end_s: a.end_s.min(b.end_s),
        })?;
        Some(Self {
            end_s: common.end_s.max(common.start_s),
            ..common
        })
    }

    pub(super) fn length_s(&self) -> f64 {
        self.end_s - self.start_s
    }

    /// Whether a slice is inside, by its middle: so hosts that began within half
    /// of a slice lose none.
    pub(super) fn has(&self, start_unix_s: f64, length_s: f64) -> bool {
        let middle_s = start_unix_s + length_s / 2.0;
        (self.start_s..self.end_s).contains(&middle_s)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests {
    use super::*;

    fn window(start_s: f64, end_s: f64) -> CommonWindow {
        CommonWindow { start_s, end_s }
    }

    #[test]
    fn it_is_what_all_of_them_have() {
        let common = CommonWindow::common(&[window(10.0, 20.0), window(12.0, 22.0)]).unwrap();
        assert_eq!((common, common.length_s()), (window(12.0, 20.0), 8.0));
        let apart = CommonWindow::common(&[window(10.0, 11.0), window(12.0, 22.0)]).unwrap();
        assert_eq!(apart.length_s(), 0.0);
        assert_eq!(CommonWindow::common(&[]), None);
    }

    #[test]
    fn slices_are_in_by_their_middle() {
        let window = window(10.4, 13.4);
        let starts = [9.0, 9.91, 10.4, 12.0, 12.89, 12.9, 13.0];
        assert_eq!(
            starts.map(|start_s| window.has(start_s, 1.0)),
            [false, true, true, true, true, false, false]
        );
    }
}
