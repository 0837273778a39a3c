//! Which part of a load one of several processes has.

/// Process `rank` of `ranks` that share a load.
///
/// The connections of all ranks are numbered by turns: rank 1 of 3 has 1, 4, 7 ….
/// So shares differ by one at most, and the schedules interleave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    rank: u64,
    ranks: u64,
}

impl Rank {
    /// The whole load in one process.
    pub(crate) const ALONE: Self = Self { rank: 0, ranks: 1 };

    /// `None` when there is no such rank.
    pub(crate) fn new(rank: u64, ranks: u64) -> Option<Self> {
        (rank < ranks).then_some(Self { rank, ranks })
    }

    pub(crate) const fn rank(self) -> u64 {
        self.rank
    }

    pub(crate) const fn ranks(self) -> u64 {
        self.ranks
    }

    /// How many of `all` connections this rank has.
    pub(crate) fn share(self, all: u64) -> u64 {
        all / self.ranks + u64::from(self.rank < all % self.ranks)
    }

    /// The number among those of all ranks of this one's connection `index`.
    pub(crate) const fn number(self, index: u64) -> u64 {
        index.saturating_mul(self.ranks).saturating_add(self.rank)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_connection_is_in_one_rank() {
        for ranks in 1..=7 {
            for all in 0..=30 {
                let of = |rank: Rank| (0..rank.share(all)).map(move |index| rank.number(index));
                let each = (0..ranks).map(|rank| Rank::new(rank, ranks).unwrap());
                let numbers: Vec<u64> = each.flat_map(of).collect();
                let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
                assert_eq!(distinct, (0..all).collect(), "{all} over {ranks}");
                assert_eq!(numbers.len() as u64, all);
            }
        }
        assert_eq!(Rank::new(3, 3), None);
    }
}
