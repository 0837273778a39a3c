//! Files that replace an older one only once they are complete.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use tempfile::TempPath;

/// A file being written: under a temporary name in the same folder, until
/// [`finish`](Self::finish) renames it. What is not a regular file, such as a pipe, is
/// written directly.
#[derive(Debug)]
pub struct OutputFile {
    /// As given by the user.
    path: PathBuf,
    file: BufWriter<File>,
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

    /// Checks that the file can be created later, and leaves nothing behind.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn check(path: &Path) -> Result<()> {
        match fs::metadata(path) {
            // Opening and closing a pipe would end it for its reader.
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => Ok(()),
            _ => Self::create(path).map(drop),
        }
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

    /// Writes all of `text`, if it could be made, and gives the file its name.
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

fn create(path: &Path) -> io::Result<(File, Option<(TempPath, PathBuf)>)> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Ok((File::create(path)?, None));
    }
    let target = resolve(path)?;
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // As for any new file, limited by the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder(&target))?;
    let (file, temporary) = temporary.into_parts();
    Ok((file, Some((temporary, target))))
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
            let Some(name) = path.file_name() else {
                return Err(io::ErrorKind::IsADirectory.into());
            };
            Ok(fs::canonicalize(folder(path))?.join(name))
        }
    }
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
        OutputFile::check(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "leftovers");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().join("none").join("file"),
            folder.path().to_owned(),
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
        let usual = File::create(folder.path().join("usual")).unwrap();
        let mode = |file: fs::Metadata| file.permissions().mode();
        assert_eq!(
            mode(fs::metadata(&target).unwrap()),
            mode(usual.metadata().unwrap())
        );

        let device = Path::new("/dev/null");
        OutputFile::check(device).unwrap();
        write(device, "gone").unwrap().finish().unwrap();
        assert!(fs::metadata(device).unwrap().file_type().is_char_device());
    }
}
