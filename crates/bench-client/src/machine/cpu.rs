//! Processor time: of a thread, of this process, of the whole machine.

use std::{fs, time::Duration};

/// The processor time that the calling thread has used, in user and kernel;
/// `None` where the system does not say.
#[cfg(unix)]
pub(crate) fn thread_time() -> Option<Duration> {
    read(rustix::time::ClockId::ThreadCPUTime)
}

/// The processor time that all threads of this process have used, those that
/// have ended included; `None` where the system does not say.
#[cfg(unix)]
pub(crate) fn process_time() -> Option<Duration> {
    read(rustix::time::ClockId::ProcessCPUTime)
}

#[cfg(unix)]
fn read(clock: rustix::time::ClockId) -> Option<Duration> {
    rustix::time::clock_gettime(clock).try_into().ok()
}

#[cfg(not(unix))]
pub(crate) fn thread_time() -> Option<Duration> {
    None
}

#[cfg(not(unix))]
pub(crate) fn process_time() -> Option<Duration> {
    None
}

/// How long the calling thread has been ready to run and waited for a processor;
/// `None` where the system does not say.
pub(crate) fn run_queue_wait() -> Option<Duration> {
    parse_schedstat(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// The second of three numbers: time on a processor, time waited for one, both in
/// nanoseconds, and turns. A kernel that does not count them has zeros.
fn parse_schedstat(schedstat: &str) -> Option<Duration> {
    let mut fields = schedstat.split_ascii_whitespace();
    let ran: u64 = fields.next()?.parse().ok()?;
    let waited = fields.next()?.parse().ok()?;
    (ran > 0).then(|| Duration::from_nanos(waited))
}

/// Which CPUs the calling thread may run on, as `0-3,8`; `None` where the system does
/// not say.
pub(crate) fn allowed() -> Option<String> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let list = |line: &str| line.strip_prefix("Cpus_allowed_list:").map(str::to_owned);
    let list = status.lines().find_map(list)?;
    Some(list.trim().to_owned())
}

/// What all processors together have done since the machine was started, in
/// ticks: usually 100 per second and processor, so a share is coarse over less
/// than one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostTime {
    busy: u64,
    total: u64,
}

impl HostTime {
    /// Reads the counters; `None` where the system has no `/proc/stat`.
    ///
    /// In a container they are those of the machine around it.
    pub(crate) fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Sums the line of all processors: `cpu user nice system idle iowait irq
    /// softirq steal guest guest_nice`, see proc(5).
    ///
    /// Idle and iowait are time that this process could have had. Steal is
    /// not: a hypervisor gave it to another machine, so it counts as busy.
    /// Guests are in user and nice already.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line
            .split_ascii_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = *ticks else {
            return None;
        };
        let busy = user + nice + system + irq + softirq + steal;
        Some(Self {
            busy,
            total: busy + idle + iowait,
        })
    }

    /// The busy share of all processors since `before`, in 0..1; `None` when
    /// no tick has passed.
    pub(crate) fn share_since(&self, before: &Self) -> Option<f64> {
        let total = self.total.checked_sub(before.total)?;
        let busy = self.busy.saturating_sub(before.busy);
        // Iowait may go backwards, says proc(5), and the total with it.
        (total > 0).then(|| (busy as f64 / total as f64).min(1.0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::thread;

    use super::*;

    const TIME: Duration = Duration::from_millis(50);

    #[test]
    fn unix_has_both_clocks() {
        assert_eq!(thread_time().is_some(), cfg!(unix));
        assert_eq!(process_time().is_some(), cfg!(unix));
    }

    #[test]
    fn a_thread_has_its_own_time_and_its_process_has_that_too() {
        let (Some(own), Some(all)) = (thread_time(), process_time()) else {
            return;
        };
        thread::spawn(|| while thread_time().unwrap() < TIME {})
            .join()
            .unwrap();
        assert!(process_time().unwrap() >= all + TIME);
        // To start a thread and to join it takes much less.
        assert!(thread_time().unwrap() < own + TIME);
    }

    #[test]
    fn waiting_takes_no_processor_time() {
        let Some(before) = thread_time() else {
            return;
        };
        thread::sleep(TIME);
        assert!(thread_time().unwrap() < before + TIME);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_knows_where_it_may_run() {
        thread::spawn(|| {
            let first = allowed().unwrap();
            let first = first.split([',', '-']).next().unwrap();
            first.parse::<cli::CpuList>().unwrap().pin().unwrap();
            assert_eq!(allowed().as_deref(), Some(first));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_knows_what_it_waited() {
        let waited = Some(Duration::from_nanos(209_450));
        assert_eq!(parse_schedstat("196973 209450 6\n"), waited);
        for schedstat in ["", "7", "x 7 1", "0 0 0\n"] {
            assert_eq!(parse_schedstat(schedstat), None, "{schedstat:?}");
        }
    }

    #[test]
    fn idle_and_iowait_are_not_busy_but_steal_is() {
        let stat = "cpu  1 20 300 4000 50000 600000 7000000 80000000 1 20\ncpu0 9 9 9 9\n";
        let time = HostTime::parse(stat).unwrap();
        assert_eq!(time.busy, 87_600_321);
        assert_eq!(time.total, 87_654_321);
    }

    #[test]
    fn what_is_no_stat_has_no_time() {
        for stat in [
            "",
            "intr 1 2 3",
            "cpu0 1 2 3 4 5 6 7 8",
            "cpu  1 2 3 4 5 6 7",
            "cpu  1 2 3 4 5 6 x 8",
        ] {
            assert_eq!(HostTime::parse(stat), None, "{stat}");
        }
    }

    #[test]
    fn a_share_is_of_the_ticks_between() {
        let before = HostTime {
            busy: 50,
            total: 100,
        };
        let share = |busy, total| HostTime { busy, total }.share_since(&before);
        assert_eq!(share(60, 140), Some(0.25));
        assert_eq!(share(50, 140), Some(0.0));
        assert_eq!(share(70, 110), Some(1.0));
        assert_eq!(share(50, 100), None);
        assert_eq!(share(40, 90), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_been_busy() {
        let time = HostTime::now().unwrap();
        assert!(time.busy > 0 && time.busy <= time.total, "{time:?}");
    }
}
