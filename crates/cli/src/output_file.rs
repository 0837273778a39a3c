//! Files that take the place of an old one only once they are whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempPath;

/// A file on its way: written beside its name, and renamed by
/// [`finish`](Self::finish). What is no regular file, such as a pipe, is written
/// as it is.
#[derive(Debug)]
pub struct OutputFile {
    /// As the user named it.
    path: PathBuf,
    file: BufWriter<File>,
    /// Where it is until it is whole, and where it goes then.
    beside: Option<(TempPath, PathBuf)>,
}

impl OutputFile {
    /// Creates it.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    pub fn create(path: &Path) -> Result<Self> {
        let created = create(path).with_context(|| format!("cannot write {}", path.display()));
        created.map(|(file, beside)| Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            beside,
        })
    }

    /// Gives it its name, in place of an older file that has it.
    ///
    /// # Errors
    ///
    /// One line that names the file; the older one is then as it was.
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        let finished = (|| {
            let file = self
                .file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            if let Some((temporary, target)) = self.beside {
                // Some file systems find out late that they are full.
                file.sync_all()?;
                temporary.persist(target)?;
            }
            Ok(())
        })();
        finished.map_err(|error: io::Error| cannot_write(&path, error))
    }

    /// Says which file it is that cannot be written.
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
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // As every new file, within what the umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder.unwrap_or_else(|| Path::new(".")))?;
    let (file, temporary) = temporary.into_parts();
    Ok((file, Some((temporary, target))))
}

/// The file that `path` stands for, which need not exist: a link stays a link
/// when what it points to is replaced.
///
/// # Errors
///
/// The folder is missing, links go in a circle, or the path names no file.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(target) => Ok(target),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            if let Ok(next) = fs::read_link(path) {
                // A link to nothing yet; one in a circle is another error.
                return resolve(&folder.join(next));
            }
            let Some(name) = path.file_name() else {
                return Err(io::ErrorKind::IsADirectory.into());
            };
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or_else(|| Path::new(".")))?;
            Ok(folder.join(name))
        }
    }
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
            let error = format!("{:#}", OutputFile::create(&path).unwrap_err());
            assert!(error.contains(path.to_str().unwrap()), "{error}");
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
        write(device, "gone").unwrap().finish().unwrap();
        assert!(fs::metadata(device).unwrap().file_type().is_char_device());
    }
}
