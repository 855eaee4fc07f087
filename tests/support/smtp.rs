//! A real mail server, with TLS and a password: `smtp_server.py`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Who may send, as the server has it.
pub(crate) const USER: &str = "portal";
pub(crate) const PASSWORD: &str = "Correct horse 7!";

/// A certificate for `localhost` and its key.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A mail server that runs. When dropped, it is killed.
#[derive(Debug)]
pub(crate) struct MailServer {
    pub(crate) port: u16,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Certificate {
    /// Writes one into a folder, under this name.
    pub(crate) fn write(folder: &Path, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = folder.join(format!("{name}.pem"));
        let key = folder.join(format!("{name}.key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { certificate, key }
    }
}

impl MailServer {
    /// Starts it on a port (0: any): `security` is `starttls`, `tls` or `none`.
    pub(crate) async fn start(certificate: &Certificate, security: &str, port: u16) -> Self {
        Self::refusing(certificate, security, port, &[]).await
    }

    /// Starts one that refuses senders and recipients, each with a reply.
    pub(crate) async fn refusing(
        certificate: &Certificate,
        security: &str,
        port: u16,
        refused: &[(&str, &str)],
    ) -> Self {
        let refused = refused.iter().flat_map(|(address, reply)| ["--refuse", address, reply]);
        Self::with(certificate, security, port, &refused.collect::<Vec<_>>()).await
    }

    /// Starts one that answers `late`, in `latin1`, with a `bare` code, or with a `hangup` after
    /// it has taken a mail.
    pub(crate) async fn answering(
        certificate: &Certificate,
        security: &str,
        port: u16,
        how: &str,
    ) -> Self {
        Self::with(certificate, security, port, &["--answer", how]).await
    }

    async fn with(certificate: &Certificate, security: &str, port: u16, more: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/smtp_server.py");
        // The system's, because that is the one that the package is for.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg("--certificate")
            .arg(&certificate.certificate)
            .arg("--key")
            .arg(&certificate.key)
            .args(["--security", security, "--port", &port.to_string()])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3 is installed (scripts/setup.sh test)");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Self { port: 0, lines, _child: child };
        server.port = server.next_report().await["port"].as_u64().unwrap().try_into().unwrap();
        server
    }

    /// The next email that it accepts: `from`, `to`, `data`, `hello`.
    pub(crate) async fn next_report(&mut self) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(20), self.lines.next_line()).await;
        let line = line.expect("the mail server reports in time").unwrap();
        serde_json::from_str(&line.expect("the mail server runs (python3-aiosmtpd)")).unwrap()
    }
}
