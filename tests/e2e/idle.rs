//! Row R1: ten thousand connections that have nothing to say for now.

use std::net::TcpStream;

use e2e::Server;

use crate::{
    descriptors,
    footprint::Footprint,
    memory,
    wire::{assert_echoes, connect},
};

const CONNECTIONS: u32 = 10_000;

/// Most resident memory of an idle connection, in KiB. A 64 KiB array on its
/// stack, or a buffer of that size on its heap, would be more.
const MOST_RESIDENT: f64 = 32.0;

#[test]
#[ignore = "needs 10,100 descriptors: cargo test -p e2e -- --ignored faults"]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn faults_of_ten_thousand_idle_connections() {
    descriptors::allow(u64::from(CONNECTIONS) + 100);
    let mut server = Server::start(&[]);
    let at_rest = Footprint::at_rest(&mut server);
    let before = Held::now(&mut server);
    let streams: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let stream = connect(server.addr());
            assert_echoes(&stream, b"Hello World!");
            stream
        })
        .collect();
    let idle = Held::now(&mut server);
    for stream in &streams {
        assert_echoes(stream, b"still here");
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
    assert!(resident < MOST_RESIDENT, "{resident} KiB");

    drop(streams);
    at_rest.assert_back(&mut server, e2e::DEADLINE, &"10,000 idle connections");
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stderr(": 10001 connections, 20001 frames")
        .expect_stderr("closed: 10001 clean");
}

/// KiB that the server and the kernel hold.
struct Held {
    resident: u64,
    stacks: u64,
    page_tables: u64,
    slab: u64,
    tcp_queues: u64,
}

impl Held {
    fn now(server: &mut Server) -> Self {
        Self {
            resident: memory::of_server(server, "VmRSS"),
            stacks: memory::of_machine("KernelStack"),
            page_tables: memory::of_machine("PageTables"),
            slab: memory::of_machine("Slab"),
            tcp_queues: memory::of_tcp_queues(),
        }
    }
}
