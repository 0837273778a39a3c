//! How many connections the machine allows.

use std::{fmt, fs, path::Path};

/// Descriptors and threads that are not connections: standard streams, the
/// listeners, files, connections that wait for a thread; and as many again.
const RESERVE: u64 = 32;

/// Memory maps of the program itself, and of payloads while they are
/// decompressed.
const OTHER_MAPS: u64 = 1000;

/// What a connection takes of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Threads.
    pub threads: u64,
    /// Memory maps of these threads and their buffers. Rust aborts when a thread
    /// cannot have them.
    pub maps: u64,
    /// Descriptors.
    pub descriptors: u64,
}

impl Cost {
    /// One end of a connection, by a thread of its own: its stack, the guard page,
    /// the signal stack with its own guard page, and a large buffer.
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

/// Maximum of connections at once, and what sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxConnections {
    /// How many.
    pub connections: u64,
    limited_by: &'static str,
}

impl MaxConnections {
    /// What was `requested`, unless the machine allows less.
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

    /// What the machine allows this process, if each connection costs `cost`.
    #[must_use]
    pub fn of_machine(cost: Cost) -> Self {
        Self::within(Path::new("/"), open_files(), cost)
    }

    /// The least of the limits found below `root`, and of open files.
    fn within(root: &Path, open_files: Option<u64>, cost: Cost) -> Self {
        let number = |path: &str| -> Option<u64> {
            fs::read_to_string(root.join(path))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        let pid_max = number("proc/sys/kernel/pid_max");
        let threads_max = number("proc/sys/kernel/threads-max");
        let maps = number("proc/sys/vm/max_map_count");
        let maps = maps.map(|maps| maps.saturating_sub(OTHER_MAPS));
        let least = |limit: Option<u64>, each: u64, limited_by| {
            let spare = limit?.saturating_sub(RESERVE);
            Some((spare / each, limited_by))
        };
        let candidates = [
            least(open_files, cost.descriptors, "open files (ulimit -n)"),
            least(maps, cost.maps, "vm.max_map_count"),
            least(pid_max, cost.threads, "kernel.pid_max"),
            least(threads_max, cost.threads, "kernel.threads-max"),
            least(cgroup_pids(root), cost.threads, "the cgroup's pids.max"),
        ];
        let (most, limited_by) = candidates
            .into_iter()
            .flatten()
            .min()
            .unwrap_or((u64::MAX, "no known limit"));
        Self {
            // A server for none would be no use.
            connections: most.max(1),
            limited_by,
        }
    }
}

impl fmt::Display for MaxConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            limited_by,
        } = self;
        write!(f, "{connections} connections, limited by {limited_by}")
    }
}

/// Most descriptors of this process (getrlimit(2)).
#[cfg(unix)]
fn open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};

    getrlimit(Resource::Nofile).current
}

#[cfg(not(unix))]
fn open_files() -> Option<u64> {
    None
}

/// Most threads in this process's control group or any above it (cgroups(7)):
/// `0::/path` is its place in version 2, `N:pids:/path` in version 1.
fn cgroup_pids(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    groups
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let mount = match controllers {
                "" => "sys/fs/cgroup",
                "pids" => "sys/fs/cgroup/pids",
                _ => return None,
            };
            let mount = root.join(mount);
            let group = mount.join(path.trim_start_matches('/'));
            group
                .ancestors()
                .take_while(|folder| folder.starts_with(&mount))
                // `max` is no number, and no limit.
                .filter_map(|folder| {
                    let most = fs::read_to_string(folder.join("pids.max")).ok()?;
                    most.trim().parse().ok()
                })
                .min()
        })
        .min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)], open_files: Option<u64>) -> MaxConnections {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        MaxConnections::within(root.path(), open_files, Cost::ONE_END)
    }

    #[test]
    fn the_least_limit_decides() {
        let usual = [
            ("proc/sys/vm/max_map_count", "65530\n"),
            ("proc/sys/kernel/pid_max", "32768\n"),
            ("proc/sys/kernel/threads-max", "192731\n"),
        ];
        assert_eq!(
            machine(&usual, Some(1024)).to_string(),
            "992 connections, limited by open files (ulimit -n)"
        );
        // Less than the 16,340 threads at which Rust aborts.
        assert_eq!(
            machine(&usual, Some(1 << 20)).to_string(),
            "12899 connections, limited by vm.max_map_count"
        );
        let both =
            |open_files| MaxConnections::within(Path::new("/none"), open_files, Cost::BOTH_ENDS);
        assert_eq!(both(Some(1024)).connections, 496);
        assert_eq!(machine(&[], Some(3)).connections, 1);
        assert_eq!(
            machine(&[], None).to_string(),
            format!("{} connections, limited by no known limit", u64::MAX)
        );
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
                machine(&files, Some(1 << 20)).connections
            };
            assert_eq!(of("100\n", "max\n"), 68);
            assert_eq!(of("max\n", "90\n"), 58);
            assert_eq!(of("max\n", "max\n"), (1 << 20) - RESERVE);
        }
    }
}
