//! A wake-up for a thread that waits for a listener.

use std::{
    io,
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
};

/// Wakes a thread that waits for a listener, once and for good.
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
    /// Begins at rest.
    ///
    /// # Errors
    ///
    /// When there are no descriptors for it.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            is_woken: AtomicBool::new(false),
            pipe: system::Pipe::new()?,
        })
    }

    /// Ends all waiting, now and later.
    pub fn wake(&self) {
        // One byte is enough for all that wait, and more could fill the pipe.
        if !self.is_woken.swap(true, Ordering::SeqCst) {
            self.pipe.write();
        }
    }

    /// Whether it was woken.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.is_woken.load(Ordering::SeqCst)
    }

    /// Waits until there is a connection to accept, or it is woken. It may
    /// return for nothing.
    ///
    /// # Errors
    ///
    /// What the system says.
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
            // It holds far more than a byte, and its reader is here.
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

/// Elsewhere there is nothing to wait with: a wait is a short sleep.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, clippy::unused_self)] // The other one can fail.
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
        // For good, however often it is woken.
        for _ in 0..100_000 {
            waker.wake();
        }
        waker.wait_for(&listener).unwrap();
    }
}
