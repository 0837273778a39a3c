//! Blocking access to standard streams that may be non-blocking.
//!
//! Whether a stream blocks is a property of the open file description, which a
//! program shares with its parent and others: if one of them sets it
//! non-blocking, this program's stream is non-blocking too. std then returns
//! the error (`EAGAIN`), and its `write_all` does not tell how much it wrote
//! before.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

#[cfg(unix)]
use crate::poll::poll_one;

/// A stream that always blocks: on `WouldBlock` it waits until it is ready,
/// without a deadline.
///
/// The stream's flag is unchanged: clearing it would affect every process that
/// shares the stream.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
///
/// use transport::stdio::Patient;
///
/// let mut stdout = Patient(io::stdout().lock());
/// writeln!(stdout, "written, even if the pipe was full")?;
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Debug)]
pub struct Patient<S>(pub S);

impl<S: Read + Descriptor> Read for Patient<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.retry(For::Input, |stream| stream.read(buf))
    }
}

impl<S: Write + Descriptor> Write for Patient<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.retry(For::Room, |stream| stream.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.retry(For::Room, S::flush)
    }
}

impl<S: Descriptor> Patient<S> {
    fn retry<T>(
        &mut self,
        what: For,
        mut attempt: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match attempt(&mut self.0) {
                // The next attempt returns an error or the end.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(&self.0, what, None)?;
                }
                other => return other,
            }
        }
    }
}

/// What to wait for.
#[derive(Clone, Copy)]
pub(crate) enum For {
    Input,
    Room,
}

#[cfg(unix)]
pub use std::os::fd::AsFd as Descriptor;

/// Waits until a stream is ready, or has failed; `false` after the timeout, or if a
/// signal interrupts it.
#[cfg(unix)]
pub(crate) fn wait(
    stream: &impl Descriptor,
    what: For,
    timeout: Option<Duration>,
) -> io::Result<bool> {
    use rustix::event::PollFlags;

    let interest = match what {
        For::Input => PollFlags::IN,
        For::Room => PollFlags::OUT,
    };
    Ok(!poll_one(stream, interest, timeout)?.is_empty())
}

/// Whether a stream accepts some bytes without blocking: a pipe at least a page
/// (pipe(7), `PIPE_BUF`). Also true if the write would fail.
///
/// # Examples
///
/// ```
/// let (_reader, writer) = std::io::pipe()?;
/// assert!(transport::stdio::has_room(&writer));
/// # Ok::<(), std::io::Error>(())
/// ```
#[cfg(unix)]
#[must_use]
pub fn has_room(stream: &impl Descriptor) -> bool {
    wait(stream, For::Room, Some(Duration::ZERO)).unwrap_or(true)
}

/// Unknown on other systems.
#[cfg(not(unix))]
#[must_use]
pub const fn has_room(_: &impl Descriptor) -> bool {
    true
}

/// Other systems cannot wait for a stream.
#[cfg(not(unix))]
pub trait Descriptor {}

#[cfg(not(unix))]
impl<S> Descriptor for S {}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // The Unix version can fail.
pub(crate) fn wait(_: &impl Descriptor, _: For, _: Option<Duration>) -> io::Result<bool> {
    std::thread::sleep(Duration::from_millis(1));
    Ok(true)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        io::{LineWriter, PipeReader, PipeWriter, pipe},
        thread,
    };

    use rustix::io::ioctl_fionbio;

    use super::*;

    /// Like std's stdout: complete lines are written at once, the rest is
    /// buffered.
    struct LinesToPipe(LineWriter<PipeWriter>);

    impl Descriptor for LinesToPipe {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            self.0.get_ref().as_fd()
        }
    }

    impl Write for LinesToPipe {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.write(buf)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    fn non_blocking() -> (PipeReader, PipeWriter) {
        let (reader, writer) = pipe().unwrap();
        ioctl_fionbio(&reader, true).unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        (reader, writer)
    }

    #[test]
    fn no_byte_is_lost_at_a_full_or_empty_pipe() {
        let (reader, writer) = non_blocking();
        // More than a pipe holds, in lines of every length up to a page.
        let lines: Vec<String> = (0..5000).map(|n| "x".repeat(n)).collect();
        let expected = lines.join("\n") + "\n";
        let writing = thread::spawn(move || {
            let mut writer = Patient(LinesToPipe(LineWriter::new(writer)));
            for line in lines {
                writeln!(writer, "{line}").unwrap();
            }
            writer.flush().unwrap();
        });
        let mut back = String::new();
        Patient(reader).read_to_string(&mut back).unwrap();
        writing.join().unwrap();
        assert!(back == expected, "{} of {}", back.len(), expected.len());
    }

    #[test]
    fn room_is_detected_without_writing() {
        let (mut reader, mut writer) = non_blocking();
        assert!(has_room(&writer));
        while writer.write(&[0; 4096]).is_ok() {}
        assert!(!has_room(&writer));
        reader.read_exact(&mut [0; 8192]).unwrap();
        assert!(has_room(&writer));
        drop(reader);
        assert!(has_room(&writer), "the write fails at once");
    }

    #[test]
    fn a_closed_pipe_is_an_error() {
        let (reader, writer) = non_blocking();
        let mut writer = Patient(writer);
        let writing = thread::spawn(move || writer.write_all(&vec![0; 1 << 20]));
        drop(reader);
        let error = writing.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
