//! Writes whole lines to an output that may fail for a while, such as a file on a full disk.

use std::io::{self, ErrorKind, Write};

/// Writes lines. After a partly written line, the next one starts with a line break.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    /// Whether the last line was written only in part.
    partial: bool,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    #[must_use]
    pub const fn new(out: W) -> Self {
        Self { out, partial: false }
    }

    /// Writes lines, each of which ends with a line break.
    ///
    /// # Errors
    /// The first error of `out`, with the number of lines that were not written. They are not kept.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let (mut rest, mut breaks) = (lines, self.partial);
        loop {
            let next = if breaks { b"\n" } else { rest };
            if next.is_empty() {
                return Ok(());
            }
            match self.out.write(next) {
                Ok(0) => return Err((count(rest), ErrorKind::WriteZero.into())),
                Ok(_) if breaks => (breaks, self.partial) = (false, false),
                Ok(written) => {
                    let (done, left) = rest.split_at_checked(written).unwrap_or((rest, &[]));
                    self.partial = done.last().is_some_and(|byte| *byte != b'\n');
                    rest = left;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err((count(rest), error)),
            }
        }
    }
}

fn count(lines: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', lines).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when it is full.
    struct Disk {
        content: Vec<u8>,
        free: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.free);
            if fits == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.free -= fits;
            self.content.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn partly_written_line_does_not_swallow_the_next() {
        let mut lines = Lines::new(Disk { content: Vec::new(), free: 8 });
        let (lost, error) = lines.write(b"first\nsecond\nthird\n").unwrap_err();
        assert_eq!((lost, error.kind()), (2, ErrorKind::StorageFull));
        assert_eq!(lines.write(b"fourth\n").unwrap_err().0, 1);
        lines.out.free = 100;
        lines.write(b"fifth\n").unwrap();
        lines.write(b"sixth\n").unwrap();
        assert_eq!(String::from_utf8_lossy(&lines.out.content), "first\nse\nfifth\nsixth\n");
    }
}
