//! CPU time of a load, and who used it.

use std::time::Duration;

use super::connection::ConnectionOutcome;
use crate::results::Cpu;

/// CPU time within the window; `None` where the system does not report it.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    /// CPUs that the load's threads may run on.
    pub cpus: u64,
    /// Of the thread that starts, samples and ends connections, and of the threads
    /// of the load beside the messages.
    pub conductor: Option<Duration>,
    /// Of the whole process.
    pub process: Option<Duration>,
    /// The busy share of all CPUs, over all processes.
    pub machine_utilization: Option<f64>,
}

impl CpuTime {
    /// Splits it into that of the client and, if `with_server`, of the server in
    /// the same process.
    pub(super) fn split(
        &self,
        connections: &[ConnectionOutcome],
        elapsed: Duration,
        with_server: bool,
    ) -> Cpu {
        let threads = || connections.iter().filter_map(|each| each.cpu);
        let busiest = threads().max().unwrap_or_default();
        let client = threads().sum::<Duration>() + self.conductor.unwrap_or_default();
        // The rest of the process are the server's threads; unknown where the
        // clocks of threads and process disagree.
        let server = self
            .process
            .and_then(|process| process.checked_sub(client))
            .filter(|rest| with_server && !rest.is_zero());
        let client = self.process.filter(|_| !with_server).unwrap_or(client);
        let elapsed_s = elapsed.as_secs_f64();
        Cpu {
            client_cpu_s: client.as_secs_f64(),
            server_cpu_s: server.map(|server| server.as_secs_f64()),
            client_cpus: self.cpus,
            client_utilization: ratio(client.as_secs_f64(), elapsed_s * self.cpus as f64),
            busiest_thread_utilization: ratio(busiest.as_secs_f64(), elapsed_s),
            machine_utilization: self.machine_utilization,
        }
    }
}

/// Zero if there is no `whole`.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn the_conductor_is_the_clients_and_the_rest_the_servers() {
        let seconds = Duration::from_secs;
        let connections = [2, 0, 1].map(|cpu| ConnectionOutcome {
            cpu: Some(seconds(cpu)),
            ..ConnectionOutcome::default()
        });
        let split = |cpu: &CpuTime, with_server| cpu.split(&connections, seconds(4), with_server);
        let mut cpu = CpuTime {
            cpus: 2,
            conductor: Some(seconds(1)),
            process: Some(seconds(10)),
            machine_utilization: Some(0.75),
        };
        let embedded = split(&cpu, true);
        assert_eq!(
            (embedded.client_cpu_s, embedded.server_cpu_s),
            (4.0, Some(6.0))
        );
        assert_eq!(embedded.client_utilization, 0.5);
        assert_eq!(embedded.busiest_thread_utilization, 0.5);
        assert_eq!(embedded.machine_utilization, Some(0.75));
        let apart = split(&cpu, false);
        assert_eq!((apart.client_cpu_s, apart.server_cpu_s), (10.0, None));
        assert_eq!(apart.client_utilization, 1.25);

        // Clocks that disagree, or are missing.
        cpu.process = Some(seconds(4));
        assert_eq!(split(&cpu, true).server_cpu_s, None);
        cpu.process = Some(seconds(3));
        assert_eq!(split(&cpu, true).server_cpu_s, None);
        (cpu.process, cpu.conductor) = (None, None);
        assert_eq!(split(&cpu, false).client_cpu_s, 3.0);
        let unmeasured = cpu.split(&connections, Duration::ZERO, false);
        assert_eq!(unmeasured.client_utilization, 0.0);
        assert_eq!(unmeasured.busiest_thread_utilization, 0.0);
    }
}
