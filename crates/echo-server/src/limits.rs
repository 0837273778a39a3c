//! How many connections the machine allows.

mod machine;

use std::{fmt, path::Path};

use crate::units::connections;
use machine::{Rlimits, cgroup_pids, number};

/// Descriptors and threads of other uses: standard streams, listeners, files,
/// connections that wait for a thread; doubled for safety.
const RESERVE: u64 = 32;

/// Memory maps of the program itself, its libraries and everything but
/// connections.
const OTHER_MAPS: u64 = 1000;

/// Threads assumed where the system has no readable limit: below the limit of
/// every system in use (macOS: 4,096, `kern.num_taskthreads`).
const UNKNOWN_THREADS: u64 = 2000;

/// Resources that a connection takes.
///
/// # Examples
///
/// ```
/// use echo_server::Cost;
///
/// assert_eq!(Cost::BOTH_ENDS.threads, 2 * Cost::ONE_END.threads);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Threads.
    pub threads: u64,
    /// Memory maps of these threads and their buffers. Rust aborts when a
    /// thread cannot map them.
    pub maps: u64,
    /// Descriptors.
    pub descriptors: u64,
}

impl Cost {
    /// One end of a connection, with its own thread: the stack, its guard page,
    /// the signal stack, its guard page, and a large buffer.
    pub const ONE_END: Self = Self {
        threads: 1,
        maps: 5,
        descriptors: 1,
    };

    /// Both ends of a connection in one process.
    pub const BOTH_ENDS: Self = Self {
        threads: 2,
        maps: 10,
        descriptors: 2,
    };
}

/// The maximum of connections at once, and the limit that sets it; one line as
/// text.
///
/// # Examples
///
/// ```
/// use echo_server::{Cost, MaxConnections};
///
/// let max = MaxConnections::of_machine(Cost::ONE_END);
/// assert!(max.connections > 0);
/// println!("at most {max}"); // 12874 connections, limited by vm.max_map_count
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaxConnections {
    /// Connections at once.
    pub connections: u64,
    limited_by: &'static str,
}

impl MaxConnections {
    /// The number `requested`, unless the machine allows less.
    pub(crate) fn new(requested: Option<u64>) -> Self {
        let machine = Self::of_machine(Cost::ONE_END);
        match requested {
            Some(connections) if connections <= machine.connections => Self {
                connections,
                limited_by: "--max-connections",
            },
            Some(connections) => {
                tracing::warn!("--max-connections {connections} is more than {machine}");
                machine
            }
            None => machine,
        }
    }

    /// The maximum for this process, if each connection costs `cost`.
    #[must_use]
    pub fn of_machine(cost: Cost) -> Self {
        Self::within(Path::new("/"), Rlimits::of_process(), cost)
    }

    /// The least of the limits below `root` and of the process's own.
    fn within(root: &Path, rlimits: Rlimits, cost: Cost) -> Self {
        let kernel = |name: &str| number(&root.join("proc/sys").join(name));
        let maps = kernel("vm/max_map_count");
        let unknown = maps.is_none().then_some(UNKNOWN_THREADS);
        let maps = maps.map(|maps| maps.saturating_sub(OTHER_MAPS));
        let processes = rlimits.processes_left(root);
        let (pid_max, threads_max) = (kernel("kernel/pid_max"), kernel("kernel/threads-max"));
        let (files, threads) = (cost.descriptors, cost.threads);
        // It has a reserve of its own.
        let address_space = rlimits.threads.map(|left| left.saturating_add(RESERVE));
        let least = [
            (rlimits.open_files, files, "open files (ulimit -n)"),
            (processes, threads, "processes of this user (ulimit -u)"),
            (address_space, threads, "address space (ulimit -v)"),
            (maps, cost.maps, "vm.max_map_count"),
            (pid_max, threads, "kernel.pid_max"),
            (threads_max, threads, "kernel.threads-max"),
            (cgroup_pids(root), threads, "the cgroup's pids.max"),
            (
                unknown,
                threads,
                "caution, as the system does not say what it allows",
            ),
        ]
        .into_iter()
        .filter_map(|(limit, each, limited_by)| {
            let spare = limit?.saturating_sub(RESERVE);
            Some((spare / each, limited_by))
        })
        .min();
        let (most, limited_by) = least.unwrap_or((u64::MAX, "no known limit"));
        Self {
            // A server needs at least one connection.
            connections: most.max(1),
            limited_by,
        }
    }
}

impl fmt::Display for MaxConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = connections(self.connections);
        write!(f, "{connections}, limited by {}", self.limited_by)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(files: &[(&str, &str)], rlimits: Rlimits) -> MaxConnections {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        MaxConnections::within(root.path(), rlimits, Cost::ONE_END)
    }

    fn open_files(limit: u64) -> Rlimits {
        Rlimits {
            open_files: Some(limit),
            ..Rlimits::default()
        }
    }

    const USUAL: [(&str, &str); 3] = [
        ("proc/sys/vm/max_map_count", "65530\n"),
        ("proc/sys/kernel/pid_max", "32768\n"),
        ("proc/sys/kernel/threads-max", "192731\n"),
    ];

    #[test]
    fn the_least_limit_decides() {
        assert_eq!(
            machine(&USUAL, open_files(1024)).to_string(),
            "992 connections, limited by open files (ulimit -n)"
        );
        // Less than the 16,340 threads at which Rust aborts.
        assert_eq!(
            machine(&USUAL, open_files(1 << 20)).to_string(),
            "12899 connections, limited by vm.max_map_count"
        );
        let both =
            |limit| MaxConnections::within(Path::new("/none"), open_files(limit), Cost::BOTH_ENDS);
        assert_eq!(both(1024).connections, 496);
        assert_eq!(
            machine(&[], open_files(3)).to_string(),
            "1 connection, limited by open files (ulimit -n)"
        );
    }

    #[test]
    fn unknown_limits_have_a_cautious_default() {
        assert_eq!(
            machine(&[], Rlimits::default()).to_string(),
            "1968 connections, limited by caution, as the system does not say what it allows"
        );
    }

    #[test]
    fn threads_that_the_user_runs_count() {
        let of = |user, threads| format!("Name:\tx\nUid:\t{user}\t0\t0\t0\nThreads:\t{threads}\n");
        let (theirs, more, others) = (of(1000, 60), of(1000, 8), of(1001, 500));
        let files = [
            ("proc/1/status", others.as_str()),
            ("proc/2/status", &theirs),
            ("proc/3/status", &more),
            ("proc/meminfo", "no process"),
        ];
        let rlimits = Rlimits {
            processes: Some(300),
            user: 1000,
            ..Rlimits::default()
        };
        let usual = [&USUAL[..], &files].concat();
        assert_eq!(
            machine(&usual, rlimits).to_string(),
            "200 connections, limited by processes of this user (ulimit -u)"
        );
        // The user's other processes are unknown.
        let unknown = MaxConnections::within(Path::new("/none"), rlimits, Cost::ONE_END);
        assert_eq!(unknown.connections, 118);
    }

    #[test]
    fn a_control_group_and_those_above_it_count() {
        for (cgroup, mount) in [
            ("0::/a/b\n", "sys/fs/cgroup"),
            ("8:pids:/a/b\n0::/\n", "sys/fs/cgroup/pids"),
        ] {
            let (own, above) = (
                format!("{mount}/a/b/pids.max"),
                format!("{mount}/a/pids.max"),
            );
            let of = |own_max, above_max| {
                let files = [
                    ("proc/self/cgroup", cgroup),
                    (&own, own_max),
                    (&above, above_max),
                ];
                machine(&[&USUAL[..], &files].concat(), open_files(1 << 20)).connections
            };
            assert_eq!(of("100\n", "max\n"), 68);
            assert_eq!(of("max\n", "90\n"), 58);
            assert_eq!(of("max\n", "max\n"), 12_899);
        }
    }
}
