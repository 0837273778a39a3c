//! Two separate hosts and a link between them, which loses packets on request.
//! Needs root, unshare(1), ip(8) and tc(8).

use std::{
    fs::{self, File},
    os::fd::AsFd,
    panic,
    process::Command,
    thread,
};

use crate::{Process, ServerProcess, program};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

/// Addresses of the client's and the server's end of the link.
const ADDRS: [&str; 2] = ["10.0.0.1", "10.0.0.2"];

/// Two hosts and the link between them; removed when dropped.
pub struct TestLink {
    /// The host of the clients.
    pub client: Host,
    /// The host of the server.
    pub server: Host,
}

/// Packets that reached both hosts.
#[derive(Clone, Copy, Debug)]
pub struct Packets {
    /// All packets.
    pub sent: u64,
    /// Packets lost by the server and the client: each drops incoming packets.
    pub lost: [u64; 2],
}

impl TestLink {
    /// Sets up a link without loss.
    pub fn new() -> Self {
        let (client, server) = (Host::new(), Host::new());
        let (near, far) = (client.id(), server.id());
        // One segment per packet, as on a real link: otherwise tens of segments
        // would cross it, and be lost, together.
        command(&format!(
            "ip link add name wire gso_max_segs 1 netns {near} type veth \
             peer name wire gso_max_segs 1 netns {far}"
        ));
        for (host, addr) in [&client, &server].into_iter().zip(ADDRS) {
            host.enter(|| {
                command(&format!("ip addr add {addr}/24 dev wire"));
                command("ip link set wire up");
                command("tc qdisc add dev wire clsact");
                // Each loss of the same segment doubles the retransmission
                // timeout: after eight in a row nothing happens for a minute.
                // Linux can limit that since 6.15.
                let _ = fs::write("/proc/sys/net/ipv4/tcp_rto_max_ms", "1000");
                fs::write("/proc/sys/net/ipv4/tcp_syn_retries", "20").unwrap();
            });
        }
        let link = Self { client, server };
        link.lose(0);
        link
    }

    /// Loses this share of all packets from now on, in both directions, by the
    /// kernel's random numbers.
    pub fn lose(&self, percent: u32) {
        self.client.lose(percent);
        self.server.lose(percent);
    }

    /// Loses all packets from now on.
    pub fn lose_all(&self) {
        self.lose(100);
    }

    /// Takes the client's interface down.
    pub fn unplug(&self) {
        self.client.enter(|| command("ip link set wire down"));
    }

    /// Removes all loss.
    pub fn mend(&self) {
        self.client.enter(|| command("ip link set wire up"));
        self.lose(0);
    }

    /// Packets passed and lost so far.
    pub fn packets(&self) -> Packets {
        let [(to_server, lost_up), (to_client, lost_down)] = [&self.server, &self.client]
            .map(|host| host.enter(|| (statistic("packets"), statistic("drops"))));
        Packets {
            sent: to_server + to_client,
            lost: [lost_up, lost_down],
        }
    }

    /// Starts an `echo-server` on the server's host.
    pub fn start_server(&self, args: &[&str]) -> ServerProcess {
        let mut command = Command::new(program("echo-server"));
        command.arg(format!("--listen={}:0", ADDRS[1]));
        command.args(["--stats", "-"]).args(args);
        ServerProcess::announced_by(self.server.enter(|| Process::start(&mut command)))
    }
}

/// A network namespace. It lives as long as its processes, the first of which
/// waits for its stdin to close: nothing has to be removed, even when a test is
/// killed.
pub struct Host(Process);

impl Host {
    /// A host whose interfaces are all down.
    pub fn new() -> Self {
        let mut holder = command_of("unshare --net");
        holder.args(["sh", "-c", "echo unshared && exec cat"]);
        let mut holder = Process::start(&mut holder);
        let _ = holder.wait_for_stdout("unshared");
        Self(holder)
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    /// Runs `act` on this host: sockets opened and programs started there stay
    /// there.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.id())).unwrap();
        let act = || {
            let kind = LinkNameSpaceType::Network;
            move_into_link_name_space(namespace.as_fd(), Some(kind)).unwrap();
            act()
        };
        // Only this thread changes its namespace, and it then ends.
        let done = thread::scope(|scope| scope.spawn(act).join());
        done.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Loses this share of the packets to this host from now on.
    pub fn lose(&self, percent: u32) {
        let below = u64::from(percent) * (1 << 32) / 100;
        let below = below.min(u64::from(u32::MAX));
        // Classic BPF: load a random number (SKF_AD_OFF + SKF_AD_RANDOM); if it
        // is at least the threshold, return TC_ACT_OK, else TC_ACT_SHOT.
        let program = format!("4,32 0 0 4294963256,53 0 1 {below},6 0 0 0,6 0 0 2");
        // On ingress: a sender notices drops on its own side.
        let filter = "tc filter replace dev wire ingress protocol ip pref 1 handle 1 bpf da";
        self.enter(|| run(command_of(filter).args(["bytecode", &program])));
    }

    /// Segments that this host has retransmitted so far.
    pub fn retransmissions(&self) -> u64 {
        let snmp = self.enter(|| fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
        // A line of names, then a line of values.
        let mut lines = snmp.lines().filter(|line| line.starts_with("Tcp: "));
        let mut fields = || lines.next().unwrap().split_whitespace();
        let (names, figures) = (fields(), fields());
        let (_, figure) = names
            .zip(figures)
            .find(|(name, _)| *name == "RetransSegs")
            .unwrap();
        figure.parse().unwrap()
    }
}

/// A counter of the link's filters at this end.
fn statistic(name: &str) -> u64 {
    let qdiscs = command("tc -s -j qdisc show dev wire");
    let qdiscs: Vec<Value> = serde_json::from_str(&qdiscs).unwrap();
    let clsact = qdiscs.iter().find(|qdisc| qdisc["kind"] == "clsact");
    clsact.unwrap()[name].as_u64().unwrap()
}

/// Runs a command, split at spaces, and returns its stdout.
pub fn command(line: &str) -> String {
    run(&mut command_of(line))
}

/// A command, split at spaces.
fn command_of(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// Runs a command to its end and returns its stdout.
fn run(command: &mut Command) -> String {
    let output = Process::start(command).wait();
    output.expect_code(0).stdout
}
