//! TCP's urgent data: a byte sent with `MSG_OOB` stays in its place in the
//! stream.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

use rustls::Stream;
use socket2::SockRef;
use testkit::{
    ServerProcess,
    certificates::Authority,
    run, run_with_input,
    wire::{assert_echoes, connect, fake_server, frame, read_to_end},
};

/// Sends `bytes`, as urgent data where `urgent` is true.
fn send(mut socket: &TcpStream, bytes: &[u8], urgent: impl Fn(usize) -> bool) {
    for (at, byte) in bytes.iter().enumerate() {
        if urgent(at) {
            let sent = SockRef::from(socket).send_out_of_band(&[*byte]);
            assert_eq!(sent.unwrap(), 1);
        } else {
            socket.write_all(&[*byte]).unwrap();
        }
    }
}

#[test]
fn a_server_echoes_urgent_bytes_in_their_place() {
    for raw in [true, false] {
        let server = ServerProcess::start(if raw { &["--raw"] } else { &[] });
        let bytes = if raw {
            b"hello".to_vec()
        } else {
            [frame(b"hello"), frame(b"world")].concat()
        };
        // Each byte alone, and then several: of pending urgent bytes only the
        // last is urgent for the system.
        for urgent in 0..=bytes.len() {
            let socket = connect(server.addr());
            let is_urgent = |at| at == urgent || urgent == bytes.len() && at % 3 == 0;
            send(&socket, &bytes, is_urgent);
            socket.shutdown(Shutdown::Write).unwrap();
            let (back, end) = read_to_end(&socket);
            assert_eq!((back, end.is_ok()), (bytes.clone(), true), "at {urgent}");
        }
    }
}

#[test]
fn a_client_takes_urgent_bytes_in_their_place() {
    for urgent in 0..11 {
        let addr = fake_server(move |socket| {
            let mut request = [0; 64];
            while let Ok(n @ 1..) = (&socket).read(&mut request) {
                send(&socket, &request[..n], |at| at == urgent);
            }
        });
        let host = addr.to_string();
        for mode in [&[][..], &["--raw"]] {
            let _ = run(
                "echo-client",
                &[&["-h", &host, "-m", "abc", "-n", "1"], mode].concat(),
            )
            .expect_code(0)
            .expect_stdout("1   abc\n");
        }
        let _ = run_with_input("repl-client", &["-h", &host], b"abc\nq\n")
            .expect_code(0)
            .expect_stdout("abc\n");
        let load = ["-h", &host, "-c", "1", "-n", "3", "-s", "3"];
        let _ = run("bench-client", &load).expect_code(0);
    }
}

#[test]
fn records_of_tls_may_be_urgent() {
    let authority = Authority::new("authority");
    let server = ServerProcess::start(&authority.issue().server());
    let mut session = authority.session();
    let mut socket = connect(server.addr());
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    send(&socket, &hello, |at| at == 20 || at == hello.len() - 1);
    assert_echoes(Stream::new(&mut session, &mut socket), b"hello");
}
