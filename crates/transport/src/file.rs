//! Files that may be pipes: every wait for the other end is bounded.

use std::{
    fs::{File, FileType, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    thread,
    time::Duration,
};

use crate::{
    deadline::Deadline,
    stdio::{self, For},
};

/// How long the other end of a named pipe may take to be opened. In a shell's process
/// substitution it is open, or will be in a moment.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a pipe may stay full, or empty.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The error of opening a pipe without a reader (fifo(7)): 6 on every Unix.
const ENXIO: i32 = 6;

const RETRY: Duration = Duration::from_millis(10);

/// A file that waits a bounded time: for the other end of a pipe, and for each read
/// and write.
///
/// # Examples
///
/// ```
/// use transport::PatientFile;
///
/// let error = PatientFile::open("/dev/zero".as_ref());
/// # #[cfg(unix)]
/// assert!(error.is_err_and(|error| error.to_string().contains("pipe")));
/// ```
#[derive(Debug)]
pub struct PatientFile {
    file: File,
    is_pipe: bool,
    /// When the wait for a pipe's first writer ends; `None` once there was one.
    writer_until: Option<Deadline>,
}

impl PatientFile {
    /// Opens a regular file or a pipe for reading.
    ///
    /// # Errors
    ///
    /// The error of `open`; or it is neither, and may have no end.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = non_blocking_options().read(true).open(path)?;
        let kind = file.metadata()?.file_type();
        let is_pipe = is_pipe(kind);
        if !kind.is_file() && !is_pipe {
            return Err(io::Error::other("neither a regular file nor a pipe"));
        }
        Ok(Self {
            file,
            is_pipe,
            writer_until: is_pipe.then(|| Deadline::after(OPEN_TIMEOUT)),
        })
    }

    /// Opens a pipe or a device, which exists, for writing.
    ///
    /// # Errors
    ///
    /// The error of `open`; or it is a pipe, and no process opens it for reading
    /// within five seconds.
    pub fn open_for_writing(path: &Path) -> io::Result<Self> {
        let deadline = Deadline::after(OPEN_TIMEOUT);
        loop {
            match non_blocking_options().write(true).open(path) {
                Err(error) if is_unread_pipe(path, &error) => {
                    if deadline.left().is_zero() {
                        let text = "a pipe that no process has open for reading";
                        return Err(io::Error::other(text));
                    }
                    thread::sleep(RETRY);
                }
                opened => return Ok(opened?.into()),
            }
        }
    }

    /// Whether it can be read only once.
    #[must_use]
    pub const fn is_pipe(&self) -> bool {
        self.is_pipe
    }

    /// Reads all of it, up to `max` bytes.
    ///
    /// # Errors
    ///
    /// The error of a read; or there are more bytes; or it is a pipe that no process
    /// opens for writing within five seconds, or that is silent for a minute.
    pub fn read_all(self, max: u64) -> io::Result<Vec<u8>> {
        let len = if self.is_pipe {
            0
        } else {
            self.file.metadata()?.len()
        };
        let mut bytes = Vec::new();
        if len <= max {
            self.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        }
        if len.max(bytes.len() as u64) > max {
            return Err(io::Error::other(format!("more than {max} bytes")));
        }
        Ok(bytes)
    }

    /// As [`File::sync_all`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl From<File> for PatientFile {
    fn from(file: File) -> Self {
        Self {
            file,
            is_pipe: false,
            writer_until: None,
        }
    }
}

impl Read for PatientFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match (self.file.read(buf), self.writer_until) {
                // A pipe without a writer yet looks like one at its end.
                (Ok(0), Some(until)) => {
                    let left = until.left();
                    if left.is_zero() {
                        return Err(io::Error::other("a pipe that no process writes to"));
                    }
                    if stdio::wait(&self.file, For::Input, Some(left))? {
                        self.writer_until = None;
                    }
                }
                (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.writer_until = None;
                    self.wait(For::Input, "sends nothing")?;
                }
                (read, _) => {
                    self.writer_until = None;
                    return read;
                }
            }
        }
    }
}

impl Write for PatientFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(For::Room, "reads nothing")?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PatientFile {
    fn wait(&self, what: For, idle: &str) -> io::Result<()> {
        let deadline = Deadline::after(IDLE_TIMEOUT);
        while !deadline.left().is_zero() {
            if stdio::wait(&self.file, what, Some(deadline.left()))? {
                return Ok(());
            }
        }
        let seconds = IDLE_TIMEOUT.as_secs();
        Err(io::Error::other(format!(
            "a pipe whose other end {idle} for {seconds} s"
        )))
    }
}

/// Options that open a pipe or a terminal without blocking, and read and write it so,
/// where the system can.
///
/// # Examples
///
/// ```no_run
/// let log = transport::non_blocking_options().append(true).open("a-pipe")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn non_blocking_options() -> OpenOptions {
    #[allow(unused_mut)] // Elsewhere there is nothing to set.
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;

        // A terminal would become that of the process.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        options.custom_flags(flags.cast_signed());
    }
    options
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;

    kind.is_fifo()
}

#[cfg(not(unix))]
const fn is_pipe(_: FileType) -> bool {
    false
}

/// Whether `error` is that of opening a named pipe for writing that has no reader
/// (fifo(7)).
///
/// # Examples
///
/// ```
/// let missing = std::io::ErrorKind::NotFound.into();
/// assert!(!transport::is_unread_pipe("no-such-file".as_ref(), &missing));
/// ```
#[must_use]
pub fn is_unread_pipe(path: &Path, error: &io::Error) -> bool {
    // A missing terminal and a socket have the same error.
    error.raw_os_error() == Some(ENXIO)
        && path
            .metadata()
            .is_ok_and(|metadata| is_pipe(metadata.file_type()))
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{os::fd::AsRawFd, path::PathBuf};

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    fn fifo(folder: &Path) -> PathBuf {
        let path = folder.join("pipe");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        path
    }

    fn read(path: &Path) -> io::Result<Vec<u8>> {
        PatientFile::open(path)?.read_all(1 << 20)
    }

    #[test]
    fn a_pipe_without_another_end_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        let reading = thread::spawn({
            let path = path.clone();
            move || read(&path).unwrap_err()
        });
        let error = reading.join().unwrap().to_string();
        assert_eq!(error, "a pipe that no process writes to");
        let error = PatientFile::open_for_writing(&path).unwrap_err();
        let expected = "a pipe that no process has open for reading";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_other_end_may_come_later_and_be_slow() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        // More than a pipe holds.
        let text: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let writing = thread::spawn({
            let (path, text) = (path.clone(), text.clone());
            move || {
                let mut file = PatientFile::open_for_writing(&path).unwrap();
                file.write_all(&text).unwrap();
            }
        });
        // The writer has waited for it, and waits for room now.
        thread::sleep(10 * RETRY);
        let found = read(&path).unwrap();
        writing.join().unwrap();
        assert!(found == text, "{} of {}", found.len(), text.len());
        // A writer of nothing, once it has been there.
        let reading = thread::spawn({
            let path = path.clone();
            move || read(&path)
        });
        drop(PatientFile::open_for_writing(&path).unwrap());
        assert_eq!(reading.join().unwrap().unwrap(), b"");
    }

    #[test]
    fn what_a_shell_substitutes_is_read_after_its_writer_has_gone() {
        for text in [&b""[..], b"text"] {
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(text).unwrap();
            drop(writer);
            let path = format!("/dev/fd/{}", reader.as_raw_fd());
            assert_eq!(read(path.as_ref()).unwrap(), text);
        }
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        for path in ["/dev/zero", "/dev/full", "/dev/null", "/"] {
            let error = PatientFile::open(path.as_ref()).unwrap_err();
            let expected = "neither a regular file nor a pipe";
            assert_eq!(error.to_string(), expected, "{path}");
        }
        let (reader, mut writer) = io::pipe().unwrap();
        let endless = thread::spawn(move || while writer.write_all(&[0; 4096]).is_ok() {});
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let error = read(path.as_ref()).unwrap_err();
        assert_eq!(error.to_string(), "more than 1048576 bytes");
        drop(reader);
        endless.join().unwrap();
    }
}
