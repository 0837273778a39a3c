//! A hand-written peer: raw bytes over a socket.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use crate::{DEADLINE, ServerProcess, wait_until};
use proto::{Framing, Wire, Writer};
use socket2::SockRef;

/// A frame, built without the library under test.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// A connection whose reads and writes have deadlines.
pub fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends `bytes`, half-closes, and returns everything received and whether the
/// end was clean (not a reset).
pub fn exchange(addr: SocketAddr, bytes: &[u8]) -> (Vec<u8>, bool) {
    let stream = connect(addr);
    let mut back = Vec::new();
    let end = thread::scope(|scope| {
        scope.spawn(|| {
            // A server that refuses a frame may close before it has read
            // everything.
            let _ = (&stream).write_all(bytes);
            let _ = stream.shutdown(Shutdown::Write);
        });
        (&stream).read_to_end(&mut back)
    });
    (back, end.is_ok())
}

/// Sends a frame and reads its echo, which must be the same bytes. Only for
/// frames that the sockets hold: it does not read while it writes.
///
/// # Errors
///
/// The connection's error.
#[track_caller]
pub fn echo(mut stream: impl Read + Write, payload: &[u8]) -> io::Result<()> {
    let bytes = frame(payload);
    stream.write_all(&bytes)?;
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back)?;
    assert!(back == bytes, "other bytes came back");
    Ok(())
}

/// Checks that a frame is echoed.
#[track_caller]
pub fn assert_echoes(stream: impl Read + Write, payload: &[u8]) {
    echo(stream, payload).unwrap();
}

/// More bytes than both directions of a connection hold.
pub const TOO_MUCH: usize = 64 << 20;

/// Sends a piece repeatedly and reads nothing, until no side can send any more:
/// three writes in a row make no progress, however long this side waited for a
/// CPU. Returns the bytes sent: at most [`TOO_MUCH`], for a server that
/// discards what it does not echo.
pub fn fill(mut stream: &TcpStream, piece: &[u8]) -> usize {
    let patience = Duration::from_millis(100);
    stream.set_write_timeout(Some(patience)).unwrap();
    let (mut sent, mut stuck) = (0, 0);
    while stuck < 3 && sent < TOO_MUCH {
        match stream.write(&piece[sent % piece.len()..]) {
            Ok(n) => (sent, stuck) = (sent + n, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => stuck += 1,
            Err(_) => break,
        }
    }
    sent
}

/// Sends complete frames of any size, and checks that they are echoed.
#[track_caller]
pub fn send_and_read_back(mut stream: &TcpStream, frames: &[u8]) {
    let mut back = vec![0; frames.len()];
    thread::scope(|scope| {
        scope.spawn(move || {
            // Write errors show in the echo.
            let _ = { stream }.write_all(frames);
        });
        stream.read_exact(&mut back).unwrap();
    });
    assert!(back == frames, "other bytes came back");
}

/// Checks that a server serves the next client.
#[track_caller]
pub fn assert_serves(addr: SocketAddr) {
    let bytes = frame(b"still there");
    assert_eq!(exchange(addr, &bytes), (bytes, true));
}

/// Ends a connection with a reset.
pub fn reset(stream: TcpStream) {
    let linger = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    linger.unwrap();
    drop(stream);
}

/// Reads until the peer closes; returns the bytes and how it ended.
pub fn read_to_end(mut stream: &TcpStream) -> (Vec<u8>, io::Result<()>) {
    let mut back = Vec::new();
    let end = stream.read_to_end(&mut back).map(drop);
    (back, end)
}

/// A server that runs `serve` for each connection, until the test process ends.
pub fn fake_server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            thread::spawn(move || serve(stream));
        }
    });
    addr
}

/// A server that answers each read, until the answer or the client ends the
/// connection.
pub fn answering_server(
    answer: impl Fn(&mut TcpStream, &[u8]) -> io::Result<()> + Send + Sync + 'static,
) -> SocketAddr {
    fake_server(move |mut stream| {
        let mut buf = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buf)
            && answer(&mut stream, &buf[..n]).is_ok()
        {}
    })
}

/// A server that reads everything and never answers.
pub fn silent_server() -> SocketAddr {
    answering_server(|_, _| Ok(()))
}

/// A frame encoded by our own writer.
pub fn coded(payload: &[u8], checksum: bool, compress: bool) -> Vec<u8> {
    let framing = Framing {
        checksum,
        compress,
        ..Framing::default()
    };
    let mut writer = Writer::new(Wire::Framed(framing));
    writer.add(payload).unwrap();
    writer.as_bytes().to_vec()
}

/// Sends `bytes` to `server`, checks the echo, that the server still serves
/// others, and its one log line.
#[track_caller]
pub fn assert_refused(server: &mut ServerProcess, bytes: &[u8], echoed: &[u8], reason: &str) {
    let (back, clean) = exchange(server.addr(), bytes);
    assert_eq!(back.len(), echoed.len(), "{reason}");
    assert!(back == echoed, "{reason}");
    assert!(clean, "reset instead of closed: {reason}");
    let line = server.process().wait_for_stderr(" closing 127.0.0.1:");
    assert!(line.contains(reason), "{line}");
    let (back, _) = exchange(server.addr(), &frame(b"still there"));
    assert_eq!(back, frame(b"still there"));
}

/// Waits until an address refuses connections.
#[track_caller]
pub fn wait_until_refused(addr: SocketAddr) {
    wait_until("refused", || TcpStream::connect(addr).is_err());
}
