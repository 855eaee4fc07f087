//! Whole lines to a place that may fail for a while, such as a full disk.

use std::io::{self, ErrorKind, Write};

/// Writes lines. After a line that was written in part, the next one begins on a line of its own.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    torn: bool,
}

impl<W: Write> Lines<W> {
    /// Lines to `out`.
    #[must_use]
    pub const fn new(out: W) -> Self {
        Self { out, torn: false }
    }

    /// Writes lines, the last of which ends too. Returns how many of them were not written, with
    /// the reason.
    ///
    /// # Errors
    /// The first error of `out`; what is left is not tried again.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let (mut rest, mut begin) = (lines, self.torn);
        loop {
            let next = if begin { b"\n" } else { rest };
            if next.is_empty() {
                return Ok(());
            }
            match self.out.write(next) {
                Ok(0) => return Err((count(rest), ErrorKind::WriteZero.into())),
                Ok(_) if begin => (begin, self.torn) = (false, false),
                Ok(written) => {
                    let (done, left) = rest.split_at_checked(written).unwrap_or((rest, &[]));
                    self.torn = done.last().is_some_and(|byte| *byte != b'\n');
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

    /// Takes so many bytes, then fails.
    struct Disk {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= fits;
            self.taken.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_torn_line_does_not_swallow_the_next() {
        let mut lines = Lines::new(Disk { taken: Vec::new(), room: 8 });
        let (lost, error) = lines.write(b"first\nsecond\nthird\n").unwrap_err();
        assert_eq!((lost, error.kind()), (2, ErrorKind::StorageFull));
        assert_eq!(lines.write(b"fourth\n").unwrap_err().0, 1);
        lines.out.room = 100;
        lines.write(b"fifth\n").unwrap();
        lines.write(b"sixth\n").unwrap();
        assert_eq!(String::from_utf8_lossy(&lines.out.taken), "first\nse\nfifth\nsixth\n");
    }
}
