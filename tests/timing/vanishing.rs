//! Clients that vanish in any phase leave no thread or descriptor behind.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    process::Command,
    time::Duration,
};

use testkit::{
    Process, ServerProcess, alone,
    footprint::Footprint,
    program,
    wire::{assert_serves, connect, frame, reset},
};

/// How soon a server must be back to its previous footprint.
const BACK: Duration = Duration::from_secs(1);

#[test]
fn by_a_reset_in_each_phase() {
    let _alone = alone();
    let mut server = ServerProcess::start(&[]);
    let at_rest = Footprint::at_rest(&mut server);
    let whole = frame(&[7; 1000]);
    let many = whole.repeat(300);
    for (phase, bytes) in [
        ("before a byte", &[][..]),
        ("inside a header", &whole[..2]),
        ("behind a header", &whole[..4]),
        ("inside a payload", &whole[..500]),
        ("behind a frame", &whole),
        ("among echoes that nobody reads", &many),
    ] {
        for is_half_closed in [false, true] {
            for _ in 0..20 {
                let mut stream = connect(server.addr());
                stream.write_all(bytes).unwrap();
                if is_half_closed {
                    stream.shutdown(Shutdown::Write).unwrap();
                }
                reset(stream);
            }
            let after = format!("a reset {phase}, half-closed: {is_half_closed}");
            at_rest.assert_back(&mut server, BACK, &after);
        }
    }
    assert_serves(server.addr());
}

#[test]
fn all_300_at_once_inside_a_frame() {
    let _alone = alone();
    let mut server = ServerProcess::start(&[]);
    let at_rest = Footprint::at_rest(&mut server);
    let streams: Vec<TcpStream> = (0..300).map(|_| connect(server.addr())).collect();
    for mut stream in &streams {
        stream.write_all(&frame(&[7; 1000])[..500]).unwrap();
    }
    for (n, stream) in streams.into_iter().enumerate() {
        if n % 2 == 0 {
            reset(stream);
        }
    }
    at_rest.assert_back(&mut server, BACK, &"300 clients");
    assert_serves(server.addr());
}

#[test]
fn with_a_program_that_is_killed() {
    let _alone = alone();
    let mut server = ServerProcess::start(&[]);
    let at_rest = Footprint::at_rest(&mut server);
    let args = ["-h", &server.host(), "-c", "300", "-s", "10000"];
    let mut bench = Process::start(Command::new(program("bench-client")).args(args));
    let _ = bench.wait_for_stderr("Queries Per Second");
    bench.kill();
    // Reaped: until then its descriptors may be open.
    drop(bench);
    at_rest.assert_back(&mut server, BACK, &"300 clients");
    assert_serves(server.addr());
}
