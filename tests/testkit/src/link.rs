//! Two hosts of their own with a wire between them, which loses packets when
//! told to. Needs root, unshare(1), ip(8) and tc(8).

use std::{
    fs::{self, File},
    os::fd::AsFd,
    panic,
    process::Command,
    thread,
};

use crate::{Process, Server, program};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

/// Addresses of the client's and the server's end of the wire.
const ADDRS: [&str; 2] = ["10.0.0.1", "10.0.0.2"];

/// Two hosts and the wire between them; all of it goes when dropped.
pub struct Link {
    /// Where the clients are.
    pub client: Host,
    /// Where the server is.
    pub server: Host,
}

/// What became of the packets that came to both hosts.
#[derive(Clone, Copy, Debug)]
pub struct Packets {
    /// All of them.
    pub sent: u64,
    /// By the server and by the client: each of them loses what comes in.
    pub lost: [u64; 2],
}

impl Link {
    /// Lays a wire that loses nothing yet.
    pub fn new() -> Self {
        let (client, server) = (Host::new(), Host::new());
        let (near, far) = (client.id(), server.id());
        // A packet is one segment, as on a real wire: else tens of them would
        // cross it in one piece, and be lost in one piece.
        command(&format!(
            "ip link add name wire gso_max_segs 1 netns {near} type veth \
             peer name wire gso_max_segs 1 netns {far}"
        ));
        for (host, addr) in [&client, &server].into_iter().zip(ADDRS) {
            host.enter(|| {
                command(&format!("ip addr add {addr}/24 dev wire"));
                command("ip link set wire up");
                command("tc qdisc add dev wire clsact");
                // Each loss of the same segment doubles the wait for the next
                // try: eight in a row, and nothing happens for a minute. Linux
                // can bound that since 6.15.
                let _ = fs::write("/proc/sys/net/ipv4/tcp_rto_max_ms", "1000");
                fs::write("/proc/sys/net/ipv4/tcp_syn_retries", "20").unwrap();
            });
        }
        let link = Self { client, server };
        link.lose(0);
        link
    }

    /// Loses that share of all packets from now on, in both directions, by the
    /// kernel's own random numbers.
    pub fn lose(&self, percent: u32) {
        let below = u64::from(percent) * (1 << 32) / 100;
        let below = below.min(u64::from(u32::MAX));
        // Classic BPF: load a random number (SKF_AD_OFF + SKF_AD_RANDOM); if it
        // is as great as that, return TC_ACT_OK, else TC_ACT_SHOT.
        let program = format!("4,32 0 0 4294963256,53 0 1 {below},6 0 0 0,6 0 0 2");
        for host in [&self.client, &self.server] {
            // On the way in: a sender is told what its own side drops.
            let filter = "tc filter replace dev wire ingress protocol ip pref 1 handle 1 bpf da";
            host.enter(|| run(command_of(filter).args(["bytecode", &program])));
        }
    }

    /// Loses everything from now on.
    pub fn lose_all(&self) {
        self.lose(100);
    }

    /// Pulls the client's plug.
    pub fn unplug(&self) {
        self.client.enter(|| command("ip link set wire down"));
    }

    /// Makes the wire as it was at first.
    pub fn mend(&self) {
        self.client.enter(|| command("ip link set wire up"));
        self.lose(0);
    }

    /// What came across so far, and what did not.
    pub fn packets(&self) -> Packets {
        let [(to_server, lost_up), (to_client, lost_down)] = [&self.server, &self.client]
            .map(|host| host.enter(|| (statistic("packets"), statistic("drops"))));
        Packets {
            sent: to_server + to_client,
            lost: [lost_up, lost_down],
        }
    }

    /// Starts an `echo-server` on the server's host.
    pub fn start_server(&self, args: &[&str]) -> Server {
        let mut command = Command::new(program("echo-server"));
        command.arg(format!("--listen={}:0", ADDRS[1]));
        command.args(["--stats", "-"]).args(args);
        Server::announced_by(self.server.enter(|| Process::start(&mut command)))
    }
}

/// A network namespace. It lives as long as the processes in it, the first of
/// which waits for its stdin to close: there is nothing to remove, not even
/// when a test is killed.
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

    /// Does something on this host: sockets opened and programs started there
    /// stay there.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.id())).unwrap();
        let act = || {
            let kind = LinkNameSpaceType::Network;
            move_into_link_name_space(namespace.as_fd(), Some(kind)).unwrap();
            act()
        };
        // Only this thread moves, and it does not come back.
        let done = thread::scope(|scope| scope.spawn(act).join());
        done.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Segments that this host has sent again so far.
    pub fn retransmissions(&self) -> u64 {
        let snmp = self.enter(|| fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
        // A line of names, then one of figures.
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

/// A figure of the wire's filters at this end.
fn statistic(name: &str) -> u64 {
    let qdiscs = command("tc -s -j qdisc show dev wire");
    let qdiscs: Vec<Value> = serde_json::from_str(&qdiscs).unwrap();
    let clsact = qdiscs.iter().find(|qdisc| qdisc["kind"] == "clsact");
    clsact.unwrap()[name].as_u64().unwrap()
}

/// Runs a command whose words are parted by blanks, and returns its stdout.
pub fn command(line: &str) -> String {
    run(&mut command_of(line))
}

/// A command whose words are parted by blanks.
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
