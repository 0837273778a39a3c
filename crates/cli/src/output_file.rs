//! Files that replace an older one only once they are complete.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use tempfile::TempPath;
use transport::PatientFile;

/// How much of a file's name begins its temporary one, in characters.
const MAX_PREFIX: usize = 30;

/// A file being written: under a temporary name in the same folder, until
/// [`finish`](Self::finish) renames it. Anything but a regular file, such as a pipe, is
/// written directly.
///
/// # Examples
///
/// ```no_run
/// use std::path::Path;
///
/// use cli::OutputFile;
///
/// let path = Path::new("results.json");
/// let checked = OutputFile::check(path)?; // before a long run
/// checked.create()?.write("{}\n")?;
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Debug)]
pub struct OutputFile {
    /// As given by the user.
    path: PathBuf,
    file: BufWriter<PatientFile>,
    /// Its temporary name and its final one.
    beside: Option<(TempPath, PathBuf)>,
}

impl OutputFile {
    /// Creates it.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    pub fn create(path: &Path) -> Result<Self> {
        let (file, beside) = create(path).map_err(|error| cannot_write(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            beside,
        })
    }

    /// Checks that a file can be created later. Leaves nothing behind, even if a signal
    /// ends the program in between.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn check(path: &Path) -> Result<CheckedFile> {
        let file = Self::create(path)?;
        Ok(match file.beside {
            // Closing a pipe would end it for its reader.
            None => CheckedFile::Open(file),
            Some(_) => CheckedFile::Later(path.to_owned()),
        })
    }

    /// Gives it its name, replacing an older file.
    ///
    /// # Errors
    ///
    /// One line that names the file; the older one is then unchanged.
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        let finished = (|| {
            let file = self
                .file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            if let Some((temporary, target)) = self.beside {
                // Some file systems report only now that they are full.
                file.sync_all()?;
                temporary.persist(target)?;
            }
            Ok(())
        })();
        finished.map_err(|error: io::Error| cannot_write(&path, error))
    }

    /// Writes `text` and gives the file its name.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    pub fn write(mut self, text: &str) -> Result<()> {
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| self.error(error))?;
        self.finish()
    }

    /// Adds to an error which file cannot be written.
    #[must_use]
    pub fn error(&self, error: impl Into<anyhow::Error>) -> anyhow::Error {
        cannot_write(&self.path, error)
    }
}

/// A file that can be created.
#[derive(Debug)]
pub enum CheckedFile {
    /// Open, and written directly.
    Open(OutputFile),
    /// A regular file, created when it is written.
    Later(PathBuf),
}

impl CheckedFile {
    /// Creates it.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::create`].
    pub fn create(self) -> Result<OutputFile> {
        match self {
            Self::Open(file) => Ok(file),
            Self::Later(path) => OutputFile::create(&path),
        }
    }
}

fn cannot_write(path: &Path, error: impl Into<anyhow::Error>) -> anyhow::Error {
    error
        .into()
        .context(format!("cannot write {}", path.display()))
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn create(path: &Path) -> io::Result<(PatientFile, Option<(TempPath, PathBuf)>)> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Ok((PatientFile::open_for_writing(path)?, None));
    }
    let target = resolve(path)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Cut, as the longest names leave no room for more.
    let name: String = name.chars().take(MAX_PREFIX).collect();
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{name}.");
    builder.prefix(&prefix);
    // As for any new file, limited by the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let folder = folder(&target);
    let temporary = builder
        .tempfile_in(folder)
        .map_err(|error| cannot_create(folder, &error))?;
    let (file, temporary) = temporary.into_parts();
    Ok((file.into(), Some((temporary, target))))
}

/// Names the folder instead of the temporary file, with which the library's error ends.
fn cannot_create(folder: &Path, error: &io::Error) -> io::Error {
    let text = error.to_string();
    let why = text.split_once(" at path ").map_or(&*text, |(why, _)| why);
    let folder = folder.display();
    io::Error::new(
        error.kind(),
        format!("cannot create a file in {folder}: {why}"),
    )
}

/// The file that `path` refers to, which need not exist: a link stays a link when its
/// target is replaced.
///
/// # Errors
///
/// The folder is missing, links go in a circle, or the path names no file.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(target) => Ok(target),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) => {
            if let Ok(next) = fs::read_link(path) {
                // A dangling link; one in a loop is another error.
                return resolve(&folder(path).join(next));
            }
            let name = path.file_name().filter(|_| !names_folder(path));
            let Some(name) = name else {
                return Err(io::ErrorKind::IsADirectory.into());
            };
            Ok(fs::canonicalize(folder(path))?.join(name))
        }
    }
}

/// Whether a path ends like that of a folder: `x/` or `x/.`, which its components hide.
fn names_folder(path: &Path) -> bool {
    let path = path.to_string_lossy();
    let end = path.strip_suffix('.').unwrap_or(&path);
    end.ends_with(std::path::is_separator)
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|each| !each.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> Result<OutputFile> {
        let mut file = OutputFile::create(path)?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    }

    #[test]
    fn an_old_file_survives_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results");
        write(&path, "old").unwrap().finish().unwrap();
        let file = write(&path, "new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        drop(write(&path, "never finished").unwrap());
        let checked = OutputFile::check(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "leftovers");
        let mut file = checked.create().unwrap();
        file.write_all(b"checked").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"checked");
    }

    #[test]
    fn the_longest_names_are_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["x".repeat(255), "ü".repeat(127)] {
            let path = folder.path().join(name);
            write(&path, "text").unwrap().finish().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"text");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_error_names_the_temporary_file() {
        let error = OutputFile::create("/proc/version".as_ref()).unwrap_err();
        let error = format!("{error:#}");
        let expected = "cannot write /proc/version: cannot create a file in /proc: ";
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains(".version"), "{error}");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().join("none").join("file"),
            folder.path().to_owned(),
            folder.path().join("file/"),
            folder.path().join("file/."),
        ] {
            for error in [
                OutputFile::create(&path).unwrap_err(),
                OutputFile::check(&path).unwrap_err(),
            ] {
                let error = format!("{error:#}");
                assert!(error.contains(path.to_str().unwrap()), "{error}");
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_devices_and_modes_stay_what_they_are() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        symlink("target", &link).unwrap();
        write(&link, "through the link").unwrap().finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"through the link");
        assert_eq!(resolve(&link).unwrap(), resolve(&target).unwrap());
        let usual = fs::File::create(folder.path().join("usual")).unwrap();
        let mode = |file: fs::Metadata| file.permissions().mode();
        assert_eq!(
            mode(fs::metadata(&target).unwrap()),
            mode(usual.metadata().unwrap())
        );

        let device = Path::new("/dev/null");
        drop(OutputFile::check(device).unwrap());
        write(device, "gone").unwrap().finish().unwrap();
        assert!(fs::metadata(device).unwrap().file_type().is_char_device());
    }
}
