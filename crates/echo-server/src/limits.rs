//! How many connections the machine allows.

use std::{fmt, fs, path::Path};

/// Descriptors and threads that are not connections: standard streams, the
/// listeners, files, connections that wait for a thread; and as many again.
const RESERVE: u64 = 32;

/// Memory maps of a connection: its thread's stack, the guard page, the signal
/// stack with its own guard page, and a large buffer. Rust aborts when a thread
/// cannot have them.
const MAPS_PER_CONNECTION: u64 = 5;

/// Memory maps of the program itself, and of payloads while they are
/// decompressed.
const OTHER_MAPS: u64 = 1000;

/// Most connections at once, and what says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxConnections {
    pub(crate) connections: u64,
    decided_by: &'static str,
}

impl MaxConnections {
    /// What was `asked` for, unless the machine allows less.
    pub(crate) fn new(asked: Option<u64>) -> Self {
        let machine = Self::of_machine(Path::new("/"), open_files());
        match asked {
            Some(connections) if connections <= machine.connections => Self {
                connections,
                decided_by: "--max-connections",
            },
            Some(connections) => {
                tracing::warn!("--max-connections {connections} is more than {machine}");
                machine
            }
            None => machine,
        }
    }

    /// The least of the limits found below `root`, and of open files.
    fn of_machine(root: &Path, open_files: Option<u64>) -> Self {
        let number = |path: &str| -> Option<u64> {
            fs::read_to_string(root.join(path))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        let maps = number("proc/sys/vm/max_map_count");
        let candidates = [
            ("open files (ulimit -n)", open_files),
            (
                "vm.max_map_count",
                maps.map(|maps| maps.saturating_sub(OTHER_MAPS) / MAPS_PER_CONNECTION),
            ),
            ("kernel.pid_max", number("proc/sys/kernel/pid_max")),
            ("kernel.threads-max", number("proc/sys/kernel/threads-max")),
            ("the cgroup's pids.max", cgroup_pids(root)),
        ];
        let least = candidates
            .into_iter()
            .filter_map(|(decided_by, most)| Some((most?, decided_by)))
            .min();
        let (most, decided_by) = least.unwrap_or((u64::MAX, "nothing known"));
        Self {
            // A server for nobody would be no use.
            connections: most.saturating_sub(RESERVE).max(1),
            decided_by,
        }
    }
}

impl fmt::Display for MaxConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} connections, decided by {}",
            self.connections, self.decided_by
        )
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
        MaxConnections::of_machine(root.path(), open_files)
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
            "992 connections, decided by open files (ulimit -n)"
        );
        // Less than the 16,340 threads at which Rust aborts.
        assert_eq!(
            machine(&usual, Some(1 << 20)).to_string(),
            "12874 connections, decided by vm.max_map_count"
        );
        assert_eq!(machine(&[], Some(3)).connections, 1);
        assert_eq!(
            machine(&[], None).to_string(),
            format!(
                "{} connections, decided by nothing known",
                u64::MAX - RESERVE
            )
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
