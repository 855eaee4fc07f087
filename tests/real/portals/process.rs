//! A portal's process, on an address of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::Method;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::browser::Browser;
use crate::support::gate::HOST;

/// How long a program may take to start on a busy machine.
const START: Duration = Duration::from_secs(90);

/// A program that listens at an address. It ends, and its folder is deleted, when this is dropped.
pub(super) struct Process {
    pub(super) address: SocketAddr,
    name: String,
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts `scripts/NAME.sh ADDRESS FOLDER`.
    pub(super) fn start_script(name: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scripts/{name}.sh"));
        Self::start(|address, folder| {
            let mut command = Command::new(script);
            command.arg(address.to_string()).arg(folder);
            command
        })
    }

    /// Starts the program that listens at an address.
    pub(super) fn start(command: impl FnOnce(SocketAddr, &Path) -> Command) -> Self {
        // Outgoing connections have other addresses, so that the port stays free.
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 79, 1), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let mut command = command(address, folder.path());
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}; run `make setup-real`"));
        Self { address, name, child, folder }
    }

    /// Waits until it answers 200 at this target, to a request with these fields.
    pub(super) async fn serves(&mut self, target: &str, fields: &[(&str, &str)]) {
        let serving = async {
            let mut tries = tokio::time::interval(Duration::from_millis(50));
            loop {
                tries.tick().await;
                let ended = self.child.try_wait().unwrap();
                assert_eq!(ended, None, "{} has ended: {}", self.name, self.output());
                if TcpStream::connect(self.address).await.is_ok() {
                    let mut browser = Browser::new(self.address, HOST);
                    if browser.send(Method::GET, target, fields, "").await.status == 200 {
                        return;
                    }
                }
            }
        };
        if tokio::time::timeout(START, serving).await.is_err() {
            panic!("{} does not serve: {}", self.name, self.output());
        }
    }

    /// A file in its folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has written to its standard output and error.
    fn output(&self) -> String {
        let output = std::fs::read(self.file("output")).unwrap();
        String::from_utf8_lossy(&output).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} wrote:\n{}", self.name, self.output());
        }
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
