//! The machine that a run is made on.
//!
//! | file | what |
//! | --- | --- |
//! | `clock` | whether this host's clock is one with others |
//! | `cpu` | CPU time |
//! | `noise` | what the machine adds to latencies by itself |
//! | `timer` | how late a sleeping thread wakes up |

use std::{env, fs, sync::LazyLock, thread};

use bench_report::results::Machine;

pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod noise;
pub(crate) mod timer;

/// Describes this machine, as it was when first asked: before any thread was
/// pinned.
pub(crate) fn here() -> Machine {
    static HERE: LazyLock<Machine> = LazyLock::new(describe);

    HERE.clone()
}

/// CPUs that the calling thread may run on.
pub(crate) fn available_cpus() -> u64 {
    // Where the system does not say, there is still the one this runs on.
    thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

fn describe() -> Machine {
    Machine {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        os: env::consts::OS.to_owned(),
        kernel: kernel(),
        cpu_model: fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|cpuinfo| cpu_model(&cpuinfo)),
        cpus: available_cpus(),
    }
}

/// The name of this host.
pub(crate) fn host() -> Option<String> {
    #[cfg(unix)]
    return uname(|uname| uname.nodename());
    #[cfg(not(unix))]
    None
}

fn kernel() -> Option<String> {
    #[cfg(unix)]
    return uname(|uname| uname.release());
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
fn uname(part: impl Fn(&rustix::system::Uname) -> &std::ffi::CStr) -> Option<String> {
    part(&rustix::system::uname())
        .to_str()
        .ok()
        .map(str::to_owned)
}

/// The model of the first processor; `None` where Linux names none, as on most
/// ARM machines.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")
        .map(|(_, model)| model.trim().to_owned())
        .filter(|model| !model.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_processor_is_named() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: One: 2.40GHz \n\n\
                       processor\t: 1\nmodel name\t: Another\n";
        assert_eq!(cpu_model(cpuinfo).as_deref(), Some("One: 2.40GHz"));
    }

    #[test]
    fn a_processor_without_a_name_has_none() {
        for cpuinfo in [
            "",
            "processor\t: 0\nBogoMIPS\t: 243.75\n",
            "model name\t: \n",
        ] {
            assert_eq!(cpu_model(cpuinfo), None, "{cpuinfo}");
        }
    }

    #[test]
    fn this_machine_has_a_processor_and_a_kernel() {
        let machine = here();
        assert!(machine.cpus > 0);
        assert_eq!(machine.kernel.is_some(), cfg!(unix));
        // Another way to the same.
        if let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") {
            assert_eq!(machine.kernel.as_deref(), Some(release.trim()));
        }
    }
}
