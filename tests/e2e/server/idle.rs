//! Ten thousand idle connections.

use std::net::TcpStream;

use rustls::StreamOwned;
use testkit::{
    ServerProcess,
    certificates::Authority,
    descriptors,
    footprint::Footprint,
    memory,
    wire::{assert_echoes, connect},
};

const CONNECTIONS: u32 = 10_000;

/// Maximum resident memory of an idle connection, in KiB: two pages of stack,
/// the upper for glibc, the lower for the first read buffer, and the share of
/// the allocator and the registry. A third page would exceed it. Without
/// optimisation the frames take two pages more.
const MAX_PLAIN: f64 = if cfg!(debug_assertions) { 20.0 } else { 12.0 };

/// The same over TLS: keys and state take 5 KiB. A record buffer, or the stack
/// that a handshake touches, would exceed it. Without optimisation the stack is
/// larger.
const MAX_TLS: f64 = if cfg!(debug_assertions) { 48.0 } else { 24.0 };

#[test]
#[ignore = "needs 10,100 descriptors: cargo test -p e2e -- --ignored faults"]
fn faults_of_ten_thousand_idle_connections() {
    let mut server = ServerProcess::start(&[]);
    let at_rest = Footprint::at_rest(&mut server);
    let connect = |server: &ServerProcess| connect(server.addr());
    let echo = |stream: &mut TcpStream, payload: &[u8]| assert_echoes(stream, payload);
    let resident = idle(&mut server, connect, echo);
    assert!(resident < MAX_PLAIN, "{resident} KiB");
    at_rest.wait_until_back(&mut server, &"10,000 idle connections");
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", 10001)
        .expect_stat("frames", 20001)
        .expect_closed("10001 clean");
}

#[test]
#[ignore = "needs 10,100 descriptors: cargo test -p e2e -- --ignored faults"]
fn faults_of_ten_thousand_idle_tls_connections() {
    let authority = Authority::new("authority");
    let mut server = ServerProcess::start(&authority.issue().server());
    let connect =
        |server: &ServerProcess| StreamOwned::new(authority.session(), connect(server.addr()));
    let echo = |stream: &mut StreamOwned<_, TcpStream>, payload: &[u8]| {
        assert_echoes(stream, payload);
    };
    // Allocations by the first connection of a process are not a leak.
    echo(&mut connect(&server), b"first");
    let resident = idle(&mut server, connect, echo);
    assert!(resident < MAX_TLS, "{resident} KiB");
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", 10001)
        .expect_stat("frames", 20001)
        .expect_closed("10001 clean");
}

/// Opens the connections, lets each send, be idle and send again, and prints
/// their memory. Returns the server's memory per connection, in KiB.
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn idle<C>(
    server: &mut ServerProcess,
    connect: impl Fn(&ServerProcess) -> C,
    echo: impl Fn(&mut C, &[u8]),
) -> f64 {
    descriptors::allow(u64::from(CONNECTIONS) + 100);
    let before = Held::now(server);
    let mut streams: Vec<C> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = connect(server);
            echo(&mut stream, b"Hello World!");
            stream
        })
        .collect();
    let idle = Held::now(server);
    for stream in &mut streams {
        echo(stream, b"still here");
    }

    let each = |now: u64, before: u64| (now as f64 - before as f64) / f64::from(CONNECTIONS);
    let resident = each(idle.resident, before.resident);
    println!("{CONNECTIONS} idle connections, all answer; for each of them:");
    println!("{resident:.1} KiB resident in the server");
    println!("in the kernel, which has both ends of each here:");
    for (what, now, before) in [
        ("thread's stack", idle.stacks, before.stacks),
        ("page tables", idle.page_tables, before.page_tables),
        ("slab: sockets, files, tasks", idle.slab, before.slab),
        ("TCP queues", idle.tcp_queues, before.tcp_queues),
    ] {
        println!("{:.1} KiB {what}", each(now, before));
    }
    resident
}

/// KiB held by the server and the kernel.
struct Held {
    resident: u64,
    stacks: u64,
    page_tables: u64,
    slab: u64,
    tcp_queues: u64,
}

impl Held {
    fn now(server: &mut ServerProcess) -> Self {
        Self {
            resident: memory::of_server(server, "VmRSS"),
            stacks: memory::of_machine("KernelStack"),
            page_tables: memory::of_machine("PageTables"),
            slab: memory::of_machine("Slab"),
            tcp_queues: memory::of_tcp_queues(),
        }
    }
}
