//! Independent peers: `CPython`'s `multiprocessing.connection` and tokio-util's
//! length-delimited codec, as servers and as clients.

use std::{sync::mpsc, thread};

use futures_util::{SinkExt, StreamExt};
use testkit::{DEADLINE, Process, ServerProcess, installed, run, run_with_input, tokio_peer};
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_util::{
    bytes::Bytes,
    codec::{Framed, LengthDelimitedCodec},
};

/// `None` if Python is not installed.
fn python(script: &str, args: &[&str]) -> Option<Process> {
    // -u: the line with the address must not stay in a buffer.
    let mut python = installed("python3")?;
    Some(Process::start(python.args(["-u", "-c", script]).args(args)))
}

#[test]
fn python_as_client() {
    let server = ServerProcess::start(&[]);
    let script = "
import sys
from multiprocessing.connection import Client
with Client(('127.0.0.1', int(sys.argv[1]))) as connection:
    for message in [b'a', b'Hello World!', bytes(range(256)) * 64, b'x' * (1 << 20)]:
        connection.send_bytes(message)
        assert connection.recv_bytes() == message
    for i in range(100):
        connection.send_bytes(b'%d' % i)
    assert [connection.recv_bytes() for i in range(100)] == [b'%d' % i for i in range(100)]
    connection.send({'any': ['object', 1.5]})
    assert connection.recv() == {'any': ['object', 1.5]}
print('done')
";
    let port = server.addr().port().to_string();
    let Some(python) = python(script, &[&port]) else {
        return;
    };
    let _ = python.wait().expect_code(0).expect_stdout("done\n");
}

#[test]
fn python_as_server() {
    let script = "
from multiprocessing.connection import Listener
from threading import Thread

def echo(connection):
    try:
        while True:
            connection.send_bytes(connection.recv_bytes())
    except EOFError:
        pass

with Listener(('127.0.0.1', 0), backlog=16) as listener:
    print('listening on %s:%d' % listener.address)
    while True:
        Thread(target=echo, args=[listener.accept()], daemon=True).start()
";
    let Some(python) = python(script, &[]) else {
        return;
    };
    let server = ServerProcess::announced_by(python);
    assert_clients_are_served(&server.host());
}

#[test]
fn tokio_util_as_client() {
    let server = ServerProcess::start(&[]);
    Runtime::new().unwrap().block_on(async {
        let stream = TcpStream::connect(server.addr()).await.unwrap();
        let mut frames = Framed::new(stream, LengthDelimitedCodec::new());
        for len in [0, 1, 12, 65_536, 8 << 20] {
            let message = Bytes::from(vec![b'x'; len]);
            frames.send(message.clone()).await.unwrap();
            assert!(
                frames.next().await.unwrap().unwrap() == message,
                "{len} bytes"
            );
        }
    });
}

#[test]
fn tokio_util_as_server() {
    let (listening, addr) = mpsc::channel();
    thread::spawn(move || tokio_peer::serve(|addr| listening.send(addr).unwrap()));
    let addr = addr.recv_timeout(DEADLINE).unwrap();
    assert_clients_are_served(&addr.to_string());
}

fn assert_clients_are_served(host: &str) {
    for mode in [&[][..], &["--no-wait"]] {
        let output = run("echo-client", &[&["-h", host], mode].concat()).expect_code(0);
        assert_eq!(output.stdout.lines().count(), 10, "{output}");
        assert!(output.stdout.ends_with("10  Hello World!\n"), "{output}");
    }
    for size in ["12", "100000"] {
        let args = ["-h", host, "-c", "4", "-n", "200", "-s", size];
        let _ = run("bench-client", &args).expect_code(0);
    }
    let _ = run_with_input("repl-client", &["-h", host], b"hello\nq\n")
        .expect_code(0)
        .expect_stdout("hello\n");
}
