//! Each behaviour as a hand-written client sees it.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{Behaviour, Liar};
use crate::DEADLINE;

/// Longer than anything here takes, and than any deadline.
const FOR_EVER: Duration = Duration::from_hours(1);

struct Client(TcpStream);

impl Client {
    fn of(liar: &Liar) -> Self {
        let stream = TcpStream::connect_timeout(&liar.addr(), DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap();
        self.0
            .write_all(&[&len.to_be_bytes(), payload].concat())
            .unwrap();
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.0.read_exact(&mut len)?;
        let mut payload = vec![0; u32::from_be_bytes(len) as usize];
        self.0.read_exact(&mut payload).map(|()| payload)
    }

    /// Sends one message and returns the first reply.
    fn ask(&mut self, payload: &[u8]) -> Vec<u8> {
        self.send(payload);
        self.receive().unwrap()
    }

    /// Sends these messages at once and returns all bytes received before the
    /// server ends the connection.
    fn ask_all(mut self, payloads: &[&[u8]]) -> io::Result<Vec<u8>> {
        for payload in payloads {
            self.send(payload);
        }
        self.0.shutdown(Shutdown::Write)?;
        self.rest()
    }

    fn rest(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).map(|_| bytes)
    }
}

#[test]
fn replies_are_wrong_from_the_given_message() {
    for (behaviour, expected) in [
        (
            Behaviour::WrongByte { from: 2 },
            &b"\0\0\0\x02ab\0\0\0\x02ce\0\0\0\x02eg"[..],
        ),
        (
            Behaviour::ShortReply { from: 2 },
            b"\0\0\0\x02ab\0\0\0\x01c\0\0\0\x01e",
        ),
        (
            Behaviour::LongReply { from: 2 },
            b"\0\0\0\x02ab\0\0\0\x03cd\xee\0\0\0\x03ef\xee",
        ),
        (
            Behaviour::ExtraBytes { from: 3 },
            b"\0\0\0\x02ab\0\0\0\x02cd\0\0\0\x02ef\0\0\0\x03\xee\xee\xee",
        ),
        (
            Behaviour::Duplicate { from: 3 },
            b"\0\0\0\x02ab\0\0\0\x02cd\0\0\0\x02ef\0\0\0\x02ef",
        ),
        (
            Behaviour::Swapped { nth: 2 },
            b"\0\0\0\x02ab\0\0\0\x02ef\0\0\0\x02cd",
        ),
        (Behaviour::Silent { from: 2 }, b"\0\0\0\x02ab"),
        // Closed cleanly, although a third message was in flight.
        (Behaviour::CloseMidRun { nth: 2 }, b"\0\0\0\x02ab"),
        (
            Behaviour::OtherConnections { from: 1 },
            b"\0\0\0\x02ab\0\0\0\x02cd\0\0\0\x02ef",
        ),
    ] {
        let liar = Liar::start(behaviour);
        // Messages are counted per connection.
        for _ in 0..2 {
            let bytes = Client::of(&liar).ask_all(&[b"ab", b"cd", b"ef"]).unwrap();
            assert_eq!(bytes, expected, "{behaviour:?}");
            if matches!(behaviour, Behaviour::OtherConnections { .. }) {
                break;
            }
        }
    }
}

#[test]
fn raw_messages_are_delimited_by_their_length() {
    let liar = Liar::start_raw(Behaviour::WrongByte { from: 2 }, 3);
    let mut client = Client::of(&liar);
    client.0.write_all(b"abcdefghi").unwrap();
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest().unwrap(), b"abcdegghh");
}

#[test]
fn replies_of_other_connections() {
    let liar = Liar::start(Behaviour::OtherConnections { from: 2 });
    let (mut a, mut b) = (Client::of(&liar), Client::of(&liar));
    assert_eq!(a.ask(b"a1"), b"a1");
    assert_eq!(b.ask(b"b1"), b"b1");
    assert_eq!(a.ask(b"a2"), b"b1");
    assert_eq!(b.ask(b"b2"), b"a2");
}

#[test]
fn a_reset_is_not_a_clean_close() {
    let liar = Liar::start(Behaviour::Reset { nth: 2 });
    let mut client = Client::of(&liar);
    assert_eq!(client.ask(b"ab"), b"ab");
    client.send(b"cd");
    let error = client.receive().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn every_second_connection_is_closed() {
    let liar = Liar::start(Behaviour::RefuseHalf);
    for _ in 0..3 {
        assert_eq!(Client::of(&liar).ask(b"ab"), b"ab");
        assert_eq!(Client::of(&liar).rest().unwrap(), b"");
    }
}

#[test]
fn one_reply_is_late() {
    let by = Duration::from_millis(50);
    let liar = Liar::start(Behaviour::Late { nth: 2, by });
    let mut client = Client::of(&liar);
    assert_eq!(client.ask(b"ab"), b"ab");
    let start = Instant::now();
    assert_eq!(client.ask(b"cd"), b"cd");
    assert!(start.elapsed() >= by);
    assert_eq!(client.ask(b"ef"), b"ef");
}

#[test]
fn each_message_is_delayed_on_its_own() {
    const MESSAGES: u32 = 100;

    let delay = Duration::from_millis(100);
    let liar = Liar::start(Behaviour::Delay(delay));
    let mut client = Client::of(&liar);
    let start = Instant::now();
    for i in 0..MESSAGES {
        client.send(&i.to_be_bytes());
    }
    for i in 0..MESSAGES {
        assert_eq!(client.receive().unwrap(), i.to_be_bytes());
        assert!(start.elapsed() >= delay);
    }
    // In sequence they would take ten seconds.
    assert!(start.elapsed() < delay * MESSAGES);
}

#[test]
fn all_connections_stall_once() {
    const MESSAGES: u32 = 100;

    let stall = Duration::from_millis(100);
    let liar = Liar::start(Behaviour::StallOnce {
        after: Duration::ZERO,
        for_: stall,
    });
    let start = Instant::now();
    let (mut a, mut b) = (Client::of(&liar), Client::of(&liar));
    a.send(b"ab");
    b.send(b"cd");
    assert_eq!(a.receive().unwrap(), b"ab");
    assert!(start.elapsed() >= stall);
    assert_eq!(b.receive().unwrap(), b"cd");
    for _ in 0..MESSAGES {
        assert_eq!(a.ask(b"ef"), b"ef");
    }
    assert!(start.elapsed() < stall * MESSAGES);
}

#[test]
fn bytes_come_back_through_tiny_buffers() {
    let sent: Vec<u8> = (0..1 << 20).map(|i| i.to_string().as_bytes()[0]).collect();
    let liar = Liar::start(Behaviour::TinyBuffer);
    let client = Client::of(&liar);
    let mut stream = client.0.try_clone().unwrap();
    let back = thread::scope(|scope| {
        scope.spawn(|| {
            stream.write_all(&sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        client.rest().unwrap()
    });
    assert!(back == sent);
}

/// A client that does not read while it writes must deadlock, which is the
/// purpose of the tiny buffers.
#[test]
fn tiny_buffers_hold_little() {
    let liar = Liar::start(Behaviour::TinyBuffer);
    let mut stream = Client::of(&liar).0;
    let timeout = Some(Duration::from_millis(100));
    stream.set_write_timeout(timeout).unwrap();
    let error = stream.write_all(&vec![0; 64 << 20]).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
}

#[test]
fn dropping_a_server_ends_its_threads_in_any_wait() {
    for behaviour in [
        Behaviour::Silent { from: 1 },
        Behaviour::Delay(FOR_EVER),
        Behaviour::Late {
            nth: 1,
            by: FOR_EVER,
        },
        Behaviour::StallOnce {
            after: Duration::ZERO,
            for_: FOR_EVER,
        },
        Behaviour::CloseMidRun { nth: 1 },
        Behaviour::Swapped { nth: 1 },
        Behaviour::TinyBuffer,
    ] {
        let liar = Liar::start(behaviour);
        let mut client = Client::of(&liar);
        client.send(b"ab");
        // Fails if they do not end.
        drop(liar);
        if let Err(error) = client.rest() {
            let is_timeout = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(!is_timeout, "{behaviour:?}");
        }
    }
}
