//! Where decision records are written: standard output, a file, or the journal.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::format;
use super::journal::{Journal, SOCKET};
use crate::config::{RecordFormat, RecordOutput, Telemetry};
use crate::telemetry::{self, Lines};

/// An output, and how many lines were lost since writing to it began to fail.
pub struct Output {
    target: Target,
    format: RecordFormat,
    lost: u64,
}

enum Target {
    Stream(Lines<Box<dyn Write + Send>>),
    File(PathBuf, Lines<File>),
    /// It makes its own messages of the records.
    Journal(Lines<Journal>),
}

impl Output {
    /// Opens the output that the settings name.
    ///
    /// # Errors
    /// When the file or the journal cannot be opened, with its path.
    pub fn open(settings: &Telemetry) -> Result<Self, (PathBuf, io::Error)> {
        let format = settings.format;
        let target = match &settings.output {
            RecordOutput::StandardOutput => {
                let output = telemetry::standard_output();
                return Ok(Self::stream(output.map_err(|error| ("stdout".into(), error))?, format));
            }
            RecordOutput::File(path) => {
                let file = append_to(path).map_err(|error| (path.clone(), error))?;
                Target::File(path.clone(), Lines::new(file))
            }
            RecordOutput::Journal => {
                let journal = Journal::connect(Path::new(SOCKET), format);
                Target::Journal(Lines::new(journal.map_err(|error| (SOCKET.into(), error))?))
            }
        };
        Ok(Self { target, format, lost: 0 })
    }

    /// Writes to `stream`.
    #[must_use]
    pub fn stream(stream: impl Write + Send + 'static, format: RecordFormat) -> Self {
        Self { target: Target::Stream(Lines::new(Box::new(stream))), format, lost: 0 }
    }

    /// Opens a file again, so that one that was moved away is no longer written to. If that fails,
    /// the old one stays in use.
    pub(super) fn reopen(&mut self) {
        if let Target::File(path, lines) = &mut self.target {
            match append_to(path) {
                Ok(file) => *lines = Lines::new(file),
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%path, %error, "cannot open the file of decision records again");
                }
            }
        }
    }

    /// Writes lines of JSON. Returns how many of them were lost.
    pub(super) fn write(&mut self, lines: &[u8]) -> u64 {
        let written = match &mut self.target {
            Target::Stream(out) => out.write(&formatted(self.format, lines)),
            Target::File(_, out) => out.write(&formatted(self.format, lines)),
            Target::Journal(out) => out.write(lines),
        };
        match written {
            Ok(()) if self.lost == 0 => 0,
            Ok(()) => {
                let lost = std::mem::take(&mut self.lost);
                tracing::warn!(lost, "decision records can be written again");
                0
            }
            Err((lost, error)) => {
                // Logged when it begins to fail and when it works again, not five times a second.
                if self.lost == 0 {
                    tracing::warn!(%error, "decision records cannot be written");
                }
                let lost = u64::try_from(lost).unwrap_or(u64::MAX);
                self.lost = self.lost.saturating_add(lost);
                lost
            }
        }
    }
}

/// The end of a file, which is created if it does not exist. Records name people, so others of the
/// system may not read it.
fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

fn formatted(format: RecordFormat, lines: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if format == RecordFormat::Json {
        return lines.into();
    }
    let mut text = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        format::write(format, line, &mut text);
    }
    text.into()
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("format", &self.format).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_is_written_until_it_is_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("decisions"), folder.path().join("decisions.1"));
        let file = append_to(&path).unwrap();
        let target = Target::File(path.clone(), Lines::new(file));
        let mut output = Output { target, format: RecordFormat::Logfmt, lost: 0 };
        assert_eq!(output.write(b"{\"micros\":1}\n"), 0);
        std::fs::rename(&path, &moved).unwrap();
        output.write(b"{\"micros\":2}\n{\"micros\":3}\n");
        output.reopen();
        output.write(b"{\"micros\":4}\n");
        let read = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&moved), "micros=1\nmicros=2\nmicros=3\n");
        assert_eq!(read(&path), "micros=4\n");
        // It cannot be opened now, and stays in use.
        std::fs::rename(&path, &moved).unwrap();
        std::fs::create_dir(&path).unwrap();
        output.reopen();
        output.write(b"{\"micros\":5}\n");
        assert_eq!(read(&moved), "micros=4\nmicros=5\n");
    }
}
