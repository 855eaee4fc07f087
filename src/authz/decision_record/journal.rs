//! Decision records in the journal of systemd, by its native protocol: a datagram a record, with
//! fields that `journalctl` filters by.
//!
//! See "Native Journal Protocol" in systemd's documentation.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::format::{self, Fields};
use crate::config::RecordFormat;

/// Where the journal receives records.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// Fields of a record that the journal gets of their own too, as `PORTCULLIS_` and the name.
const FIELDS: [&str; 6] = ["request", "decision", "reason", "route", "user", "organization"];

/// The journal. Each write sends one record.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    format: RecordFormat,
}

impl Journal {
    /// # Errors
    /// When the journal does not receive there.
    pub(super) fn connect(socket: &Path, format: RecordFormat) -> io::Result<Self> {
        let own = UnixDatagram::unbound()?;
        own.connect(socket)?;
        Ok(Self { socket: own, format })
    }
}

impl Write for Journal {
    /// Sends the first line of `lines`, a record in JSON.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let length = memchr::memchr(b'\n', lines).map_or(lines.len(), |at| at + 1);
        let line = lines.get(..length).unwrap_or(lines);
        if line != b"\n" {
            self.socket.send(&message(line, self.format))?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The datagram of a record. Values contain no line breaks: JSON and the other formats escape them.
fn message(line: &[u8], format: RecordFormat) -> Vec<u8> {
    let mut message = b"PRIORITY=6\nSYSLOG_IDENTIFIER=portcullis\n".to_vec();
    for (name, value) in Fields::of(line).iter().filter(|(name, _)| FIELDS.contains(name)) {
        let value = format::text(value);
        if value.contains('\n') {
            continue;
        }
        message.extend_from_slice(b"PORTCULLIS_");
        message.extend_from_slice(name.to_ascii_uppercase().as_bytes());
        message.push(b'=');
        message.extend_from_slice(value.as_bytes());
        message.push(b'\n');
    }
    message.extend_from_slice(b"MESSAGE=");
    format::write(format, line, &mut message);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_datagram_with_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let mut journal = Journal::connect(&path, RecordFormat::Logfmt).unwrap();
        let lines = concat!(
            r#"{"request":"r1","decision":"deny","route":"a\nMESSAGE=b","micros":3}"#,
            "\n",
            r#"{"decision":"allow"}"#,
            "\n"
        );
        journal.write_all(lines.as_bytes()).unwrap();
        let received = || {
            let mut bytes = [0; 1024];
            let length = journald.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        };
        assert_eq!(
            received(),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=portcullis\nPORTCULLIS_REQUEST=r1\n\
             PORTCULLIS_DECISION=deny\nMESSAGE=request=r1 decision=deny \
             route=\"a\\nMESSAGE=b\" micros=3\n"
        );
        assert!(received().ends_with("PORTCULLIS_DECISION=allow\nMESSAGE=decision=allow\n"));
    }

    #[test]
    fn without_a_journal_there_is_no_log() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Journal::connect(&folder.path().join("none"), RecordFormat::Json).is_err());
    }
}
