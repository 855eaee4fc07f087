//! The program in a folder that outlives it: stopped, killed and started again; and its commands,
//! run as an operator runs them.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::support::admin::Admin;
use crate::support::client::within;
use crate::support::gate::HOST;

/// The arguments that serve.
pub(crate) const SERVE: [&str; 3] = ["serve", "--config", "portcullis.toml"];

/// A folder with settings and the shipped catalogue and groups.
#[derive(Debug)]
pub(crate) struct Home(tempfile::TempDir);

/// A program that runs. When dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    said: Arc<Said>,
    pub(crate) gateway: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    pub(crate) admin: Admin,
}

#[derive(Debug, Default)]
struct Said {
    text: Mutex<String>,
    lines: watch::Sender<usize>,
}

impl Home {
    /// Settings for this portal, with these routes.
    pub(crate) fn new(portal: SocketAddr, routes: &str) -> Self {
        Self::to(&format!("http://{portal}"), routes)
    }

    /// The same for a portal at this URL.
    pub(crate) fn to(portal: &str, routes: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        for file in ["permissions.toml", "groups.toml"] {
            std::fs::copy(shipped.join(file), policies.join(file)).unwrap();
        }
        std::fs::write(policies.join("routes.toml"), routes).unwrap();
        let mut settings = String::new();
        for (key, value) in [
            ("server.listen", "[\"127.0.0.1:0\"]".to_owned()),
            ("server.public_url", format!("\"http://{HOST}\"")),
            ("server.shutdown_grace", "\"200ms\"".to_owned()),
            ("upstream.servers", format!("[{portal:?}]")),
            ("admin.listen", "\"127.0.0.1:0\"".to_owned()),
            ("hashing.memory_kib", "7168".to_owned()),
            ("hashing.passes", "1".to_owned()),
        ] {
            writeln!(settings, "{key} = {value}").unwrap();
        }
        std::fs::write(folder.path().join("portcullis.toml"), settings).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file of the policy.
    pub(crate) fn policy(&self, file: &str, text: &str) {
        std::fs::write(self.path("policies").join(file), text).unwrap();
    }

    /// Adds lines to the settings.
    pub(crate) fn settings(&self, lines: &str) {
        let file = self.path("portcullis.toml");
        let text = std::fs::read_to_string(&file).unwrap() + lines;
        std::fs::write(file, text).unwrap();
    }

    /// Starts `portcullis serve` and waits until it serves.
    pub(crate) async fn serve(&self) -> Program {
        self.serve_with(portcullis(self.0.path(), &SERVE)).await.unwrap()
    }

    /// Starts it; the error output if it does not start.
    pub(crate) async fn try_serve(&self) -> Result<Program, String> {
        let started = self.serve_with(portcullis(self.0.path(), &SERVE)).await;
        match started {
            Some(program) => Ok(program),
            // Its error output may not have been read to the end; the other stream has the same.
            None => {
                let again = self.run(&["serve"]).await;
                assert_eq!(again.code, 1, "{again:?}");
                Err(again.err)
            }
        }
    }

    /// A command that becomes `portcullis serve` with these sockets, passed under these names as by
    /// a service manager.
    pub(crate) fn activated(&self, [one, other]: [(&str, OwnedFd); 2]) -> Command {
        let mut command = Command::new("bash");
        let script = "exec 3<&0 4<&1 < /dev/null > /dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";
        command
            .args(["-c", script, env!("CARGO_BIN_EXE_portcullis")])
            .args(SERVE)
            .current_dir(self.0.path())
            .env_clear()
            .env("LISTEN_FDS", "2")
            .env("LISTEN_FDNAMES", format!("{}:{}", one.0, other.0))
            .stdin(one.1)
            .stdout(other.1)
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts a command that becomes `portcullis serve`; none when it ends before it serves.
    pub(crate) async fn serve_with(&self, mut command: Command) -> Option<Program> {
        self.serving(command.stdin(Stdio::null()).stdout(Stdio::null())).await
    }

    /// Starts a command that becomes `portcullis serve` with the input and output that it has.
    pub(crate) async fn serving(&self, command: &mut Command) -> Option<Program> {
        let mut child = command.spawn().unwrap();
        let said = Said::of(child.stderr.take().unwrap());
        let serving = |text: &str| {
            text.lines().find_map(|line| {
                let event: serde_json::Value = serde_json::from_str(line).ok()?;
                event["message"].as_str()?.starts_with("serving ").then_some(())?;
                let gateway = event["gateway"].as_str()?.strip_prefix('[')?.strip_suffix(']')?;
                // Others follow.
                let gateway = gateway.split(", ").next()?;
                Some((gateway.parse().ok()?, event["admin"].as_str()?.parse().ok()?))
            })
        };
        let (gateway, admin_address) = tokio::select! {
            found = said.find("the line that says where it serves", serving) => found,
            _ended = child.wait() => return None,
        };
        let admin = Admin { socket: self.path("data/admin.sock") };
        Some(Program { child, said, gateway, admin_address, admin })
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        let args = [&["--config", "portcullis.toml"], args].concat();
        run(self.0.path(), &args, "").await
    }
}

impl Program {
    /// Kills it.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops it with SIGTERM, and waits.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = within("the end of the program", self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}: {}", self.said.text.lock());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).unwrap();
    }

    /// Sets its limit on a resource from now on. Returns the previous limit.
    pub(crate) fn limit(&self, resource: Resource, most: Option<u64>) -> Option<u64> {
        let maximum = rustix::process::getrlimit(resource).maximum;
        let limit = Rlimit { current: most, maximum };
        prlimit(Some(self.id()), resource, limit).unwrap().current
    }

    /// How many files it may have open.
    pub(crate) fn open_files_limit(&self) -> u64 {
        let limits = format!("/proc/{}/limits", self.child.id().unwrap());
        let limits = std::fs::read_to_string(limits).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// Waits until the log contains a text for the nth time, and returns the log.
    pub(crate) async fn logged(&self, what: &str, times: usize) -> String {
        let enough = |text: &str| (text.matches(what).count() >= times).then(|| text.to_owned());
        self.said.find(what, enough).await
    }
}

impl Said {
    fn of(pipe: impl AsyncRead + Unpin + Send + 'static) -> Arc<Self> {
        let said = Arc::new(Self::default());
        let hearing = Arc::clone(&said);
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                hearing.text.lock().push_str(&format!("{line}\n"));
                hearing.lines.send_modify(|count| *count += 1);
            }
        });
        said
    }

    /// Waits until something is found in what was said.
    async fn find<T>(&self, what: &str, search: impl Fn(&str) -> Option<T>) -> T {
        let mut lines = self.lines.subscribe();
        let searching = async {
            loop {
                let found = search(&self.text.lock());
                match found {
                    Some(found) => return found,
                    None => lines.changed().await.unwrap(),
                }
            }
        };
        match tokio::time::timeout(std::time::Duration::from_secs(20), searching).await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come:\n{}", self.text.lock()),
        }
    }
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Its standard output; fails the test unless the program succeeded.
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Its error output; fails the test unless the program was refused.
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.code, 1, "{self:?}");
        assert!(self.err.starts_with("portcullis: "), "{self:?}");
        self.err
    }

    /// The JSON it printed.
    pub(crate) fn json(self) -> serde_json::Value {
        let out = self.done();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

/// Runs a command in a folder, with this on its standard input.
pub(crate) async fn run(folder: &Path, args: &[&str], input: &str) -> Ran {
    let mut child =
        portcullis(folder, args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that reads no input may have ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let Output { status, stdout, stderr } =
        within("the end of a command", child.wait_with_output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// Runs a command in a folder at a terminal, at which this has been typed.
pub(crate) async fn run_at_terminal(folder: &Path, args: &[&str], typed: &str) -> Ran {
    let (mut master, terminal) = terminal(0);
    master.write_all(typed.as_bytes()).unwrap();
    let child = portcullis(folder, args).stdin(terminal).stdout(Stdio::piped()).spawn().unwrap();
    let Output { status, stdout, stderr } =
        within("the end of a command", child.wait_with_output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// What a command prints to a terminal of this many columns.
pub(crate) async fn shown_at_terminal(mut command: Command, columns: u16) -> String {
    let (mut master, terminal) = terminal(columns);
    let child = command.stdin(Stdio::null()).stdout(terminal).env("TERM", "xterm").spawn().unwrap();
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // Reading fails once the command has closed the terminal.
        let _ = master.read_to_end(&mut shown);
        String::from_utf8(shown).unwrap().replace("\r\n", "\n")
    });
    drop(command);
    let Output { status, stderr, .. } =
        within("the end of a command", child.wait_with_output()).await.unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    reader.join().unwrap()
}

/// Both ends of a terminal of this many columns; 0: it does not know its size.
fn terminal(columns: u16) -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    (File::from(master), terminal)
}

/// The program, in a folder, with nothing in its environment.
pub(crate) fn portcullis(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(args).current_dir(folder).env_clear().stderr(Stdio::piped()).kill_on_drop(true);
    command
}
