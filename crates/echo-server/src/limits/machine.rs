//! What the machine and the user's session allow a process.

use std::{fs, path::Path};

use crate::memory;

/// The process's limits (getrlimit(2)).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rlimits {
    pub(super) open_files: Option<u64>,
    /// Of the user, threads included; `None` if the process is exempt.
    pub(super) processes: Option<u64>,
    /// Threads that the address space has room for.
    pub(super) threads: Option<u64>,
    pub(super) user: u32,
}

impl Rlimits {
    #[cfg(unix)]
    pub(super) fn of_process() -> Self {
        use rustix::process::{Resource, getrlimit, getuid};

        let user = getuid();
        let is_exempt = user.is_root() || has_capability();
        let processes = getrlimit(Resource::Nproc).current;
        Self {
            open_files: getrlimit(Resource::Nofile).current,
            processes: processes.filter(|_| !is_exempt),
            threads: memory::threads_left(),
            user: user.as_raw(),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of_process() -> Self {
        Self {
            threads: memory::threads_left(),
            ..Self::default()
        }
    }

    /// Processes that the user may still start.
    pub(super) fn processes_left(self, root: &Path) -> Option<u64> {
        let limit = self.processes?;
        // The user's other processes count too; if unknown, assume half the
        // limit.
        let running = threads_of_user(root, self.user).unwrap_or(limit / 2);
        Some(limit.saturating_sub(running))
    }
}

/// Whether this process may exceed the limit of its user's processes
/// (capabilities(7)): bits 21 and 24 are `CAP_SYS_ADMIN` and `CAP_SYS_RESOURCE`.
#[cfg(unix)]
fn has_capability() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        let effective = field(&status, "CapEff:");
        let effective = effective.and_then(|mask| u64::from_str_radix(mask, 16).ok());
        effective.is_some_and(|mask| mask & (1 << 21 | 1 << 24) != 0)
    })
}

/// The number in a file.
pub(super) fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Threads that run as `user`, by `proc_pid_status(5)`.
fn threads_of_user(root: &Path, user: u32) -> Option<u64> {
    let processes = fs::read_dir(root.join("proc")).ok()?;
    let threads = processes.flatten().filter_map(|process| {
        // Not a process, or one that has just ended.
        let status = fs::read_to_string(process.path().join("status")).ok()?;
        let is_theirs = field(&status, "Uid:")?.parse() == Ok(user);
        is_theirs.then(|| field(&status, "Threads:")?.parse::<u64>().ok())?
    });
    Some(threads.sum())
}

/// The first word after a label.
fn field<'a>(status: &'a str, label: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()
}

/// Maximum threads of this process's control group and its ancestors
/// (cgroups(7)). The group is at `0::/path` in version 2, `N:pids:/path` in
/// version 1.
pub(super) fn cgroup_pids(root: &Path) -> Option<u64> {
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
                // `max` means no limit and does not parse.
                .filter_map(|folder| number(&folder.join("pids.max")))
                .min()
        })
        .min()
}
