//! Memory of a process and of the kernel, from `/proc` (proc(5)).

use std::fs;

use crate::ServerProcess;

/// A field of the server's `/proc/PID/status` in KiB: `VmRSS` is the resident
/// memory, `VmHWM` its peak.
#[track_caller]
pub fn of_server(server: &mut ServerProcess, field: &str) -> u64 {
    of_process(server.process().id(), field)
}

/// The same for any process.
#[track_caller]
pub fn of_process(id: u32, field: &str) -> u64 {
    kib(&format!("/proc/{id}/status"), field)
}

/// A field of `/proc/meminfo` in KiB.
#[track_caller]
pub fn of_machine(field: &str) -> u64 {
    kib("/proc/meminfo", field)
}

#[track_caller]
fn kib(file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let value = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| *name == field);
    let (_, value) = value.unwrap_or_else(|| panic!("no {field} in {file}"));
    value.trim().trim_end_matches(" kB").parse().unwrap()
}

/// KiB in the queues of all TCP sockets, from `/proc/net/sockstat`, which
/// counts pages.
pub fn of_tcp_queues() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap();
    let tcp = text.lines().find(|line| line.starts_with("TCP:")).unwrap();
    let (_, pages) = tcp.rsplit_once(' ').unwrap();
    4 * pages.parse::<u64>().unwrap()
}
