//! `--cpus`: the CPUs that threads may run on.

#[cfg(target_os = "linux")]
use std::io;
use std::{fmt, str::FromStr};

use anyhow::Result;

/// Highest CPU number: that of the kernel's own set type (`CPU_SETSIZE`,
/// sched.h).
const MAX_CPU: usize = 1023;

/// A list of CPUs, such as `0,2-3`.
///
/// # Examples
///
/// ```
/// let cpus: cli::CpuList = "0,2-3".parse().unwrap();
/// assert_eq!(cpus.to_string(), "0,2-3");
/// assert!("3-2".parse::<cli::CpuList>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuList {
    /// As given.
    text: String,
    cpus: Vec<usize>,
}

impl FromStr for CpuList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected CPUs from 0 to {MAX_CPU}, such as 0 or 0,2-3");
        let number = |text: &str| {
            let cpu: Option<usize> = text.parse().ok();
            cpu.filter(|cpu| *cpu <= MAX_CPU).ok_or_else(expected)
        };
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(expected());
            }
            cpus.extend(first..=last);
        }
        let text = text.to_owned();
        Ok(Self { text, cpus })
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl CpuList {
    /// Restricts the calling thread, and threads that it starts later, to these
    /// CPUs.
    ///
    /// # Errors
    ///
    /// A CPU that does not exist or is not allowed for this process; any system
    /// but Linux.
    #[cfg(target_os = "linux")]
    pub fn pin(&self) -> Result<()> {
        use anyhow::{Context, bail};
        use rustix::{
            io::Errno,
            thread::{CpuSet, sched_getaffinity, sched_setaffinity},
        };

        let mut set = CpuSet::new();
        for &cpu in &self.cpus {
            set.set(cpu);
        }
        let failed = || format!("cannot run on CPUs {self} (--cpus)");
        let pinned = match sched_setaffinity(None, &set) {
            // None of them can be used.
            Err(Errno::INVAL) => CpuSet::new(),
            result => {
                result.with_context(failed)?;
                sched_getaffinity(None).with_context(failed)?
            }
        };
        // The kernel drops CPUs that cannot be used, as long as one is left.
        if self.cpus.iter().all(|&cpu| pinned.is_set(cpu)) {
            return Ok(());
        }
        let usable = usable().with_context(failed)?;
        bail!("{}: this process can use {usable}", failed())
    }

    /// Other systems cannot pin threads.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn pin(&self) -> Result<()> {
        anyhow::bail!("--cpus {self}: this system cannot pin threads")
    }
}

/// The CPUs that this process may be allowed, as a list: those left of all.
#[cfg(target_os = "linux")]
fn usable() -> io::Result<String> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let before = sched_getaffinity(None)?;
    let mut all = CpuSet::new();
    for cpu in 0..=MAX_CPU {
        all.set(cpu);
    }
    sched_setaffinity(None, &all)?;
    let status = std::fs::read_to_string("/proc/thread-self/status");
    sched_setaffinity(None, &before)?;
    // As proc_pid_status(5) writes it: 0,2-3.
    let status = status?;
    let field = |line| str::strip_prefix(line, "Cpus_allowed_list:");
    let list = status.lines().find_map(field).unwrap_or_default();
    Ok(list.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_numbers_and_ranges() {
        let cpus = |text: &str| text.parse::<CpuList>().map(|list| list.cpus);
        assert_eq!(cpus("0"), Ok(vec![0]));
        assert_eq!(cpus("0,2-4"), Ok(vec![0, 2, 3, 4]));
        assert_eq!(cpus("1023"), Ok(vec![1023]));
        for bad in ["", "x", "1-", "-1", "3-2", "0,,1", "1024", "0 1"] {
            assert!(cpus(bad).is_err(), "{bad}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[allow(clippy::unwrap_used)]
    fn a_thread_runs_where_it_is_pinned() {
        std::thread::spawn(|| {
            "0".parse::<CpuList>().unwrap().pin().unwrap();
            assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
            for bad in ["0,1023", "1023"] {
                let error = bad.parse::<CpuList>().unwrap().pin().unwrap_err();
                let error = error.to_string();
                let expected = format!("cannot run on CPUs {bad} (--cpus): this process can use 0");
                assert!(error.starts_with(&expected), "{error}");
            }
            // What was refused leaves the CPUs as they were.
            "0".parse::<CpuList>().unwrap().pin().unwrap();
            assert!("1023".parse::<CpuList>().unwrap().pin().is_err());
            assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
        })
        .join()
        .unwrap();
    }
}
