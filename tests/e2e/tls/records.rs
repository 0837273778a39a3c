//! TLS records without data, and partial records: tickets, key updates, halves.
//! A readable socket does not mean readable data.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustls::{ServerConnection, Stream};
use testkit::{
    certificates::Authority,
    measured::measure,
    openssl, run,
    wire::{fake_server, frame},
};

/// Runs an open loop and returns the number of replies.
#[track_caller]
fn open_loop(addr: SocketAddr, authority: &Authority, load: &str) -> u64 {
    let args = format!("--tls --tls-ca {} {load}", authority.file());
    measure(&addr.to_string(), &args, 0).count("/messages/replies")
}

#[test]
fn tickets_do_not_stall_a_message_that_is_sent_in_part() {
    let authority = Authority::new("authority");
    let (ca, message) = (authority.file(), "x".repeat(100_000));
    for version in ["TLSv1_2", "TLSv1_3"] {
        let Some(server) = openssl::serve(&authority, version) else {
            return;
        };
        let host = server.host();
        let tls = ["-h", &host, "--tls", "--tls-ca", &ca];
        let message = ["-m", &message, "-n", "3", "--send-buffer", "4096"];
        let _ = run("echo-client", &[&tls[..], &message].concat()).expect_code(0);
    }
}

/// A frame server on rustls; `answer` sends each one back.
fn rustls(
    authority: &Authority,
    answer: impl Fn(&mut RecordPeer, Vec<u8>) + Send + Sync + 'static,
) -> SocketAddr {
    let config = authority.server_config();
    fake_server(move |socket| {
        socket.set_nodelay(true).unwrap();
        let session = ServerConnection::new(config.clone()).unwrap();
        let mut peer = RecordPeer {
            session,
            socket,
            frames: 0,
        };
        while let Some(frame) = peer.read_frame() {
            answer(&mut peer, frame);
        }
    })
}

struct RecordPeer {
    session: ServerConnection,
    socket: TcpStream,
    frames: u64,
}

impl RecordPeer {
    /// `None` at the end.
    fn read_frame(&mut self) -> Option<Vec<u8>> {
        let mut stream = Stream::new(&mut self.session, &mut self.socket);
        let mut header = [0; 4];
        stream.read_exact(&mut header).ok()?;
        let mut payload = vec![0; u32::from_be_bytes(header) as usize];
        stream.read_exact(&mut payload).ok()?;
        self.frames += 1;
        Some(frame(&payload))
    }

    /// The records to send.
    fn records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records).unwrap();
        }
        records
    }

    fn write(&mut self, frame: &[u8]) {
        self.session.writer().write_all(frame).unwrap();
        let records = self.records();
        self.socket.write_all(&records).unwrap();
    }
}

/// A key update after each reply, in a record of its own; the client answers
/// with its own, as the peer requests.
#[test]
fn new_keys_do_not_stall_an_open_loop() {
    let authority = Authority::new("authority");
    let server = rustls(&authority, |peer, frame| {
        peer.write(&frame);
        peer.session.refresh_traffic_keys().unwrap();
        let update = peer.records();
        assert!(!update.is_empty());
        peer.socket.write_all(&update).unwrap();
    });
    assert_eq!(open_loop(server, &authority, "-c 2 -r 50 -n 50"), 50);
}

/// The second half of each reply arrives after the next message.
#[test]
fn half_a_record_does_not_stall_an_open_loop() {
    const MESSAGES: u64 = 20;

    let authority = Authority::new("authority");
    let server = rustls(&authority, |peer, frame| {
        peer.session.writer().write_all(&frame).unwrap();
        let records = peer.records();
        let (first, second) = records.split_at(records.len() / 2);
        peer.socket.write_all(first).unwrap();
        if peer.frames < MESSAGES {
            let next = peer.read_frame().unwrap();
            peer.socket.write_all(second).unwrap();
            peer.write(&next);
        } else {
            peer.socket.write_all(second).unwrap();
        }
    });
    let load = format!("-c 1 -r 100 -n {MESSAGES} --pipeline 4");
    assert_eq!(open_loop(server, &authority, &load), MESSAGES);
}

/// A request for a key update is answered before the next data (RFC 8446,
/// section 4.6.3).
#[test]
fn a_request_for_new_keys_is_answered() {
    let authority = Authority::new("authority");
    let answers = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&answers);
    let server = rustls(&authority, move |peer, frame| {
        peer.write(&frame);
        peer.session.refresh_traffic_keys().unwrap();
        let update = peer.records();
        peer.socket.write_all(&update).unwrap();
        // The client's next records, as far as they have arrived: an answer is
        // a message of 5 bytes, its type and a tag.
        let mut header = [0; 5];
        if peer.socket.peek(&mut header).is_ok_and(|n| n == 5) && header[3..] == [0, 22] {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(open_loop(server, &authority, "-c 1 -r 50 -n 20"), 20);
    // The last may be answered before the close.
    assert!((19..=20).contains(&answers.load(Ordering::Relaxed)));
}
