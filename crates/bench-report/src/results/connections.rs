//! The connections of a run, and how evenly they were served.

use serde::{Deserialize, Serialize};

/// Connections, and how evenly they were served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// To be opened.
    pub requested: u64,
    /// Opened.
    pub opened: u64,
    /// Opened, with no message to send.
    pub idle: u64,
    /// Correct replies within the window on each open connection, by its index.
    pub replies: Vec<u64>,
    /// The minimum of `replies` over the connections that were not idle.
    pub replies_min: u64,
    /// Their median.
    pub replies_median: u64,
    /// Their maximum.
    pub replies_max: u64,
    /// Jain's fairness index of the connections that were not idle: 1 is even,
    /// 1/n is all on one.
    pub jain_fairness: f64,
}

impl Connections {
    /// Sets the figures of evenness from the replies of each connection. Those that
    /// were idle have none.
    pub(crate) fn spread(&mut self) {
        let mut busy = self.replies.clone();
        busy.sort_unstable();
        let idle = usize::try_from(self.idle).unwrap_or(usize::MAX);
        busy.drain(..idle.min(busy.len()));
        self.replies_min = busy.first().copied().unwrap_or(0);
        self.replies_median = busy.get(busy.len() / 2).copied().unwrap_or(0);
        self.replies_max = busy.last().copied().unwrap_or(0);
        self.jain_fairness = jain_fairness(&busy);
    }
}

/// Jain's fairness index (Jain, Chiu and Hawe, 1984): the square of the sum over
/// n times the sum of the squares.
fn jain_fairness(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    if squares > 0.0 {
        sum * sum / (shares.len() as f64 * squares)
    } else {
        1.0
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn fairness_is_jains() {
        assert_eq!(jain_fairness(&[7, 7, 7]), 1.0);
        assert_eq!(jain_fairness(&[9, 0, 0]), 1.0 / 3.0);
        assert_eq!(jain_fairness(&[1, 1, 2, 2]), 0.9);
        assert_eq!(jain_fairness(&[]), 1.0);
        assert_eq!(jain_fairness(&[0, 0]), 1.0);
    }
}
