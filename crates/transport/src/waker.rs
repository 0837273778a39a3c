//! Wakes a thread that waits for a listener.

use std::{
    io,
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
};

/// Wakes a thread that waits for a listener, once and permanently.
///
/// # Examples
///
/// ```
/// use std::{net::TcpListener, thread};
///
/// use transport::Waker;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// listener.set_nonblocking(true)?;
/// let waker = Waker::new()?;
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         while !waker.is_woken() {
///             waker.wait_for(&listener)?;
///             if let Ok((stream, peer)) = listener.accept() {
///                 println!("{peer} is connected");
///             }
///         }
///         Ok::<(), std::io::Error>(())
///     });
///     waker.wake();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Waker {
    is_woken: AtomicBool,
    pipe: system::Pipe,
}

impl Waker {
    /// A waker that is not woken.
    ///
    /// # Errors
    ///
    /// When no descriptors are free.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            is_woken: AtomicBool::new(false),
            pipe: system::Pipe::new()?,
        })
    }

    /// Ends all current and future waits.
    pub fn wake(&self) {
        // One byte wakes all waits, and more could fill the pipe.
        if !self.is_woken.swap(true, Ordering::SeqCst) {
            self.pipe.write();
        }
    }

    /// Whether [`wake`](Self::wake) was called.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.is_woken.load(Ordering::SeqCst)
    }

    /// Waits until a connection can be accepted, or the waker is woken. May
    /// return spuriously.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn wait_for(&self, listener: &TcpListener) -> io::Result<()> {
        self.pipe.wait_beside(listener)
    }
}

#[cfg(unix)]
mod system {
    use std::{
        io::{self, PipeReader, PipeWriter, Write},
        net::TcpListener,
    };

    use rustix::event::{PollFd, PollFlags, poll};

    #[derive(Debug)]
    pub(super) struct Pipe {
        reader: PipeReader,
        writer: PipeWriter,
    }

    impl Pipe {
        pub(super) fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            Ok(Self { reader, writer })
        }

        pub(super) fn write(&self) {
            // The pipe holds far more than a byte, and its reader is open.
            let _ = (&self.writer).write(&[0]);
        }

        pub(super) fn wait_beside(&self, listener: &TcpListener) -> io::Result<()> {
            let mut fds = [
                PollFd::new(listener, PollFlags::IN),
                PollFd::new(&self.reader, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// Other systems sleep for a short interval instead.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, clippy::unused_self)] // The Unix version can fail.
mod system {
    use std::{io, net::TcpListener, thread, time::Duration};

    const CHECK_INTERVAL: Duration = Duration::from_millis(10);

    #[derive(Debug)]
    pub(super) struct Pipe;

    impl Pipe {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn write(&self) {}

        pub(super) fn wait_beside(&self, _: &TcpListener) -> io::Result<()> {
            thread::sleep(CHECK_INTERVAL);
            Ok(())
        }
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{net::TcpStream, thread};

    use super::*;

    #[test]
    fn a_wait_ends_by_a_connection_and_by_a_wake_up() {
        let waker = Waker::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| waker.wait_for(&listener));
            let _client = TcpStream::connect(addr).unwrap();
            waiting.join().unwrap().unwrap();
            assert!(!waker.is_woken());
            drop(listener.accept().unwrap());

            let waiting = scope.spawn(|| waker.wait_for(&listener));
            waker.wake();
            waiting.join().unwrap().unwrap();
            assert!(waker.is_woken());
        });
        // Permanently, however often it is woken.
        for _ in 0..100_000 {
            waker.wake();
        }
        waker.wait_for(&listener).unwrap();
    }
}
