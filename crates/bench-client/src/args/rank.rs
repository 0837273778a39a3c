//! The options of a load that several processes share, and what their launcher
//! says of it.

use std::env;

use bench_report::results::Arguments;
use clap::Args;
use cli::{
    UsageError,
    args::{parse_count, parse_number},
};

use crate::{rank::Rank, start::StartAt};

/// How a launcher tells its processes apart: the variables of their number and
/// of the rank. The innermost comes first: `mpirun` in a job of Slurm has both.
const LAUNCHERS: [(Option<&str>, &str); 4] = [
    (Some("OMPI_COMM_WORLD_SIZE"), "OMPI_COMM_WORLD_RANK"),
    (Some("PMI_SIZE"), "PMI_RANK"),
    (Some("SLURM_NTASKS"), "SLURM_PROCID"),
    // Kubernetes does not tell a pod of how many it is one.
    (None, KUBERNETES),
];

const KUBERNETES: &str = "JOB_COMPLETION_INDEX";

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Many hosts")]
pub(crate) struct RankArgs {
    /// Processes that share the load: -c, -n, -r and --load are for all of them
    /// [default: as Open MPI, PMI or Slurm say, else 1]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    ranks: Option<u64>,

    /// Which of them this is, from 0 [default: as Open MPI, PMI, Slurm or an
    /// Indexed Job of Kubernetes say, else 0]
    #[arg(long, value_name = "I", value_parser = parse_number)]
    rank: Option<u64>,

    /// Begin to measure at this time, with connections open and warmed up:
    /// 2026-11-26T12:00:00Z, Unix seconds, or +5s: the next multiple of 5 s by
    /// the clock of all hosts that is at least 5 s ahead
    #[arg(long, value_name = "TIME", value_parser = StartAt::parse)]
    pub(super) start_at: Option<StartAt>,
}

impl RankArgs {
    /// The whole load in this process, whatever launched it.
    pub(super) const ALONE: Self = Self {
        ranks: Some(1),
        rank: Some(0),
        start_at: None,
    };

    /// # Errors
    ///
    /// Options and variables that name no rank, in one line.
    pub(super) fn resolve(&self) -> Result<Rank, UsageError> {
        let variable = |name: &str| Some(env::var_os(name)?.to_string_lossy().into_owned());
        self.resolve_in(&variable).map_err(UsageError)
    }

    /// Checks that a launcher starts `what`, which takes one process, only once.
    ///
    /// # Errors
    ///
    /// Several processes, in one line.
    pub(super) fn check_once(what: &str) -> Result<(), UsageError> {
        let variable = |name: &str| Some(env::var_os(name)?.to_string_lossy().into_owned());
        check_once_in(what, &variable).map_err(UsageError)
    }

    fn resolve_in(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Rank, String> {
        let launched = match (self.ranks, self.rank) {
            (Some(_), Some(_)) => None,
            _ => launched(variable)?,
        };
        let ranks = self.ranks.or(launched.and_then(|(ranks, _)| ranks));
        let rank = self.rank.or(launched.map(|(_, rank)| rank));
        let (ranks, rank) = match (ranks, rank) {
            (None, None) => return Ok(Rank::ALONE),
            (Some(ranks), rank) if ranks == 1 || rank.is_some() => (ranks, rank.unwrap_or(0)),
            (Some(_), _) => return Err("--ranks: expected --rank with it".to_owned()),
            (None, Some(rank)) if self.rank.is_none() => {
                return Err(format!(
                    "{KUBERNETES} is {rank}, and Kubernetes does not say of how many: expected \
                     --ranks"
                ));
            }
            (None, Some(_)) => return Err("--rank: expected --ranks with it".to_owned()),
        };
        Rank::new(rank, ranks)
            .ok_or_else(|| format!("--rank: {rank} of {ranks}: expected less than --ranks"))
    }
}

fn check_once_in(what: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    let rank = match launched(variable)? {
        Some((Some(ranks), rank)) if ranks > 1 => format!("rank {rank} of {ranks}"),
        // The first of an Indexed Job may be its only one.
        Some((None, rank)) if rank > 0 => format!("rank {rank}"),
        _ => return Ok(()),
    };
    Err(format!(
        "{what} takes one process, and this is {rank} by its launcher's variables: launch one \
         (-n 1)"
    ))
}

/// What the launcher says: of how many, and which. A variable of two, as in a shell
/// of `salloc`, is no rank.
fn launched(
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(Option<u64>, u64)>, String> {
    let number = |name: &str| {
        let Some(text) = variable(name) else {
            return Ok(None);
        };
        let parsed = text.parse().map(Some);
        parsed.map_err(|_| format!("{name}: expected a whole number, not {text:?}"))
    };
    for (ranks, rank) in LAUNCHERS {
        let Some(rank) = number(rank)? else {
            continue;
        };
        match ranks {
            None => return Ok(Some((None, rank))),
            Some(ranks) => {
                if let Some(ranks) = number(ranks)? {
                    return Ok(Some((Some(ranks), rank)));
                }
            }
        }
    }
    Ok(None)
}

/// Checks that each rank has a share.
///
/// # Errors
///
/// Too few connections or messages, in one line.
pub(super) fn check_shares(rank: Rank, arguments: &Arguments) -> Result<(), UsageError> {
    let ranks = rank.ranks();
    let shares = [
        ("connections", Some(arguments.connections)),
        ("requests", arguments.requests),
        ("load", arguments.load),
        ("rate over --duration", due(arguments)),
    ];
    for (option, all) in shares {
        if let Some(all) = all.filter(|all| *all < ranks) {
            return Err(UsageError(format!(
                "--{option}: {all} for {ranks} ranks: expected at least 1 for each"
            )));
        }
    }
    Ok(())
}

/// Messages that are due in an open loop whose length is known: the first at its
/// begin.
fn due(arguments: &Arguments) -> Option<u64> {
    let due = arguments.rate? * arguments.duration?.as_secs_f64();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    Some(due.ceil() as u64)
}

/// Checks that all ranks end together: those whose figures are known at different
/// times do not.
///
/// # Errors
///
/// `--until` with several ranks, in one line.
pub(super) fn check_end(rank: Rank, has_until: bool) -> Result<(), UsageError> {
    let ranks = rank.ranks();
    if has_until && ranks > 1 {
        return Err(UsageError(format!(
            "--until: {ranks} ranks would end at different times: give -d instead"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        ranks: Option<u64>,
        rank: Option<u64>,
        variables: &[(&str, &str)],
    ) -> Result<(u64, u64), String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(each, _)| *each == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let args = RankArgs {
            ranks,
            rank,
            start_at: None,
        };
        let resolved = args.resolve_in(&variable)?;
        Ok((resolved.rank(), resolved.ranks()))
    }

    #[test]
    fn launchers_say_which_rank_it_is() {
        let slurm = [("SLURM_NTASKS", "6"), ("SLURM_PROCID", "4")];
        let pmi = [("PMI_SIZE", "5"), ("PMI_RANK", "3")];
        let open_mpi = [("OMPI_COMM_WORLD_SIZE", "3"), ("OMPI_COMM_WORLD_RANK", "2")];
        assert_eq!(resolve(None, None, &[]), Ok((0, 1)));
        assert_eq!(resolve(None, None, &slurm), Ok((4, 6)));
        assert_eq!(resolve(None, None, &pmi), Ok((3, 5)));
        assert_eq!(resolve(None, None, &open_mpi), Ok((2, 3)));
        // The launcher within the job.
        let both: Vec<_> = slurm.into_iter().chain(open_mpi).collect();
        assert_eq!(resolve(None, None, &both), Ok((2, 3)));
        // A shell that `salloc` started has no rank.
        assert_eq!(resolve(None, None, &slurm[..1]), Ok((0, 1)));
        assert_eq!(resolve(None, None, &slurm[1..]), Ok((0, 1)));
    }

    #[test]
    fn options_come_first() {
        let slurm = [("SLURM_NTASKS", "6"), ("SLURM_PROCID", "4")];
        assert_eq!(resolve(Some(9), Some(8), &slurm), Ok((8, 9)));
        assert_eq!(resolve(Some(9), None, &slurm), Ok((4, 9)));
        assert_eq!(resolve(None, Some(5), &slurm), Ok((5, 6)));
        assert_eq!(resolve(Some(1), None, &[]), Ok((0, 1)));
        let bad = [("SLURM_NTASKS", "6"), ("SLURM_PROCID", "x")];
        assert_eq!(resolve(Some(9), Some(8), &bad), Ok((8, 9)));
    }

    #[test]
    fn kubernetes_gives_no_count() {
        let job = [("JOB_COMPLETION_INDEX", "3")];
        assert_eq!(resolve(Some(4), None, &job), Ok((3, 4)));
        let error = resolve(None, None, &job).err().unwrap_or_default();
        assert!(
            error.contains("JOB_COMPLETION_INDEX is 3") && error.contains("--ranks"),
            "{error}"
        );
    }

    #[test]
    fn what_names_no_rank_is_refused() {
        let slurm = |rank| [("SLURM_NTASKS", "6"), ("SLURM_PROCID", rank)];
        for (ranks, rank, variables, expected) in [
            (Some(3), None, &[][..], "--ranks: expected --rank"),
            (None, Some(3), &[], "--rank: expected --ranks"),
            (Some(3), Some(3), &[], "--rank: 3 of 3"),
            (None, None, &slurm("6"), "--rank: 6 of 6"),
            (None, None, &slurm("-1"), "SLURM_PROCID: expected a whole"),
        ] {
            let error = resolve(ranks, rank, variables).err().unwrap_or_default();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_takes_one_process_is_launched_once() {
        let check = |variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(each, _)| *each == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            check_once_in("capacity", &variable).err()
        };
        let slurm = |ranks, rank| [("SLURM_NTASKS", ranks), ("SLURM_PROCID", rank)];
        for one in [&[][..], &slurm("1", "0"), &[("JOB_COMPLETION_INDEX", "0")]] {
            assert_eq!(check(one), None);
        }
        for (several, expected) in [
            (
                &slurm("4", "0")[..],
                "capacity takes one process, and this is rank 0 of 4",
            ),
            (&[("JOB_COMPLETION_INDEX", "2")], "this is rank 2 by"),
            (&slurm("4", "x"), "SLURM_PROCID: expected a whole number"),
        ] {
            let error = check(several).unwrap_or_default();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn ranks_end_together() {
        let rank = Rank::new(0, 3).unwrap_or(Rank::ALONE);
        assert!(check_end(rank, true).is_err());
        assert!(check_end(rank, false).is_ok());
        assert!(check_end(Rank::ALONE, true).is_ok());
    }
}
