//! A run without a flaw, for tests to make flaws in.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Arguments, Arrivals, Connections, Cpu, InFlight, Machine, Messages, NoiseFloor, RankLine,
    Results, SCHEMA, Second, Target, Tcp, TcpEnd, TcpState, Verdict,
};
use crate::statistics::{Bucket, Distribution, Point, Spread};

/// A closed loop of 1,000,000 messages on 4 connections in 10 s.
#[allow(clippy::too_many_lines)] // one for each field
pub(crate) fn sample() -> Results {
    let curve = [
        (0.0, 20.0),
        (0.5, 40.0),
        (0.75, 50.0),
        (0.9, 60.0),
        (0.99, 90.0),
        (0.999, 150.0),
        (0.9999, 400.0),
        (1.0, 900.0),
    ];
    Results {
        schema: SCHEMA,
        started: "2026-11-24T12:00:00Z".to_owned(),
        target: Target {
            address: "127.0.0.1:60000".to_owned(),
            same_host: Some(false),
        },
        arguments: Arguments {
            with_server: false,
            wire: "framed".to_owned(),
            ranks: 1,
            connections: 4,
            pipeline: 1,
            rate: None,
            arrivals: Arrivals::Uniform,
            until: None,
            duration: Some(Duration::from_secs(10)),
            requests: None,
            warmup: Duration::ZERO,
            load: None,
            per_connection: None,
            ramp: Duration::ZERO,
            timeout: Duration::from_secs(10),
            size: "12".to_owned(),
            seed: 1,
            entropy: 1.0,
            verify: true,
            checksum: false,
            compress: false,
            tls: false,
            heartbeat: None,
            read_buffer: None,
            write_buffer: None,
            send_buffer: None,
            recv_buffer: None,
            nodelay: true,
            spin: Duration::ZERO,
            cpus: None,
            ip_version: None,
            sources: Vec::new(),
            congestion: None,
            dscp: None,
        },
        machine: Machine {
            version: "0.1.0".to_owned(),
            os: "linux".to_owned(),
            kernel: Some("6.18.0".to_owned()),
            cpu_model: Some("A Processor".to_owned()),
            cpus: 8,
        },
        noise_floor: Some(NoiseFloor {
            clock_us: 0.03,
            timer_overshoot_p50_us: 55.0,
            timer_overshoot_p99_us: 70.0,
            thread_wakeup_p50_us: 5.0,
            thread_wakeup_p99_us: 12.0,
        }),
        interrupted: false,
        elapsed_s: 10.0,
        connections: Connections {
            requested: 4,
            opened: 4,
            idle: 0,
            replies: vec![250_000; 4],
            replies_min: 250_000,
            replies_median: 250_000,
            replies_max: 250_000,
            jain_fairness: 1.0,
        },
        messages: Messages {
            sent: 1_000_000,
            replies: 1_000_000,
            replies_in_window: 1_000_000,
            unanswered: 0,
            unsent: 0,
            payload_bytes: 12_000_000,
            wire_bytes: 16_000_000,
            reads: 1_000_000,
            writes: 1_000_000,
        },
        throughput: 100_000.0,
        latency: Distribution {
            count: 1_000_000,
            min_us: 20.0,
            mean_us: 40.0,
            stddev_us: 10.0,
            max_us: 900.0,
            p50_us: 40.0,
            p90_us: 60.0,
            p99_us: 90.0,
            p99_9_us: 150.0,
            p99_99_us: 400.0,
            buckets: [
                (20.0, 40.0, 500_000),
                (40.0, 60.0, 400_000),
                (60.0, 150.0, 99_000),
                (150.0, 900.0, 1000),
            ]
            .map(|(above_us, up_to_us, count)| Bucket {
                above_us,
                up_to_us,
                count,
            })
            .to_vec(),
            curve: curve
                .map(|(quantile, latency_us)| Point {
                    quantile,
                    latency_us,
                })
                .to_vec(),
        },
        latency_uncorrected: None,
        schedule_lag: None,
        connect_latency: None,
        arrivals: None,
        precision: None,
        under_load: None,
        in_flight: InFlight {
            sampled_mean: 4.0,
            samples: 1000,
            latency_mean: 4.0,
        },
        cpu: Cpu {
            client_cpu_s: 10.0,
            server_cpu_s: None,
            client_cpus: 8,
            client_utilization: 0.125,
            busiest_thread_utilization: 0.25,
            machine_utilization: Some(0.3),
        },
        tcp: Some(Tcp {
            client: sample_tcp(),
            server: None,
        }),
        slowest: Vec::new(),
        ranks: vec![RankLine {
            start: "2026-11-24T12:00:00.000000Z".to_owned(),
            launched: "2026-11-24T12:00:00.000000Z".to_owned(),
            elapsed_s: 10.0,
            connections: 4,
            cpus: 8,
            client_utilization: 0.125,
            ..RankLine::default()
        }],
        slices: Vec::new(),
        series: (1..=10)
            .map(|second| Second {
                elapsed_s: f64::from(second),
                throughput: 100_000.0,
                p50_us: Some(40.0),
                p99_us: Some(90.0),
                max_us: Some(900.0),
                in_flight: 4,
                failures: 0,
                warmup: false,
            })
            .collect(),
        failures: BTreeMap::new(),
        expectations: Vec::new(),
        verdict: Verdict {
            valid: true,
            reasons: Vec::new(),
            notes: Vec::new(),
        },
    }
}

/// The end of a connection that had all messages of [`sample`].
fn sample_tcp() -> TcpEnd {
    let one = |value| Spread {
        median: value,
        min: value,
        max: value,
    };
    TcpEnd {
        connections: 1,
        segments_out: 1_000_000,
        segments_in: 1_000_000,
        data_segments_out: 1_000_000,
        data_segments_in: 1_000_000,
        end: Some(TcpState {
            rtt_us: one(21.0),
            rtt_variance_us: one(9.0),
            min_rtt_us: one(14.0),
            congestion_window: one(10.0),
            delivery_rate: one(1e6),
            mss: one(1448.0),
            ack_timeout_us: one(40_000.0),
        }),
        retransmitted_by_connection: vec![Some(0)],
        ..TcpEnd::default()
    }
}
