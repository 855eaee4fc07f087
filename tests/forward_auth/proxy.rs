//! Real proxies, started with the example configurations that ship.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::gate::TestGate;

/// How long a program may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A program that is configured in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Caddy,
    HaProxy,
    Envoy,
    EnvoyGrpc,
}

/// Where a program comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edition {
    pub(crate) name: &'static str,
    is_debian: bool,
}

/// The packages of Debian.
pub(crate) const DEBIAN: Edition = Edition { name: "Debian's", is_debian: true };
/// Those that `scripts/programs.sh proxies` installs.
pub(crate) const CURRENT: Edition = Edition { name: "current", is_debian: false };

/// A proxy that runs. It ends, and its folder is deleted, when this is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Kind {
    /// The example's text.
    pub(crate) fn example(self) -> String {
        example(match self {
            Self::Nginx => "nginx/portal.conf",
            Self::Caddy => "caddy/Caddyfile",
            Self::HaProxy => "haproxy/haproxy.cfg",
            Self::Envoy => "envoy/envoy.yaml",
            Self::EnvoyGrpc => "envoy/envoy-grpc.yaml",
        })
    }

    /// Whether it takes HTTP/2 without TLS, beside HTTP/1.1.
    pub(crate) fn speaks_http2(self) -> bool {
        matches!(self, Self::Caddy | Self::HaProxy | Self::Envoy | Self::EnvoyGrpc)
    }

    /// The example's text about the address at which it accepts connections, and one for another.
    fn listens(self, address: SocketAddr) -> (&'static str, String) {
        let (ip, port) = (address.ip(), address.port());
        match self {
            Self::Nginx => ("listen 80", format!("listen {address}")),
            Self::Caddy => (":80 {", format!(":{port} {{\n\tbind {ip}")),
            Self::HaProxy => ("bind :80", format!("bind {address}")),
            Self::Envoy | Self::EnvoyGrpc => (
                "address: 0.0.0.0, port_value: 80 }",
                format!("address: {ip}, port_value: {port} }}"),
            ),
        }
    }

    /// How it names an address on this machine.
    fn names(self, port: u16) -> String {
        match self {
            Self::Envoy | Self::EnvoyGrpc => format!("address: 127.0.0.1, port_value: {port} "),
            Self::Nginx | Self::Caddy | Self::HaProxy => format!("127.0.0.1:{port}"),
        }
    }

    /// Writes its files, and gives the command that runs it.
    fn command(self, edition: Edition, text: &str, folder: &Path) -> Command {
        let name = match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::HaProxy => "haproxy",
            Self::Envoy | Self::EnvoyGrpc => "envoy",
        };
        let mut command = Command::new(edition.program(name));
        command.current_dir(folder).env("HOME", folder);
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        match self {
            Self::Nginx => {
                write("portal.conf", text);
                write("nginx.conf", NGINX);
                command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(folder);
            }
            Self::Caddy => {
                write("Caddyfile", &format!("{CADDY}{text}"));
                command.args(["run", "--config", "Caddyfile"]);
            }
            Self::HaProxy => {
                write("portcullis.lua", &example("haproxy/portcullis.lua"));
                write("haproxy.cfg", text);
                command.args(["-db", "-f", "haproxy.cfg"]);
            }
            Self::Envoy | Self::EnvoyGrpc => {
                write("envoy.yaml", text);
                let options =
                    ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warn"];
                command.args(["-c", "envoy.yaml"]).args(options);
            }
        }
        command
    }
}

impl Edition {
    fn program(self, name: &str) -> PathBuf {
        if self.is_debian {
            let folders = ["/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
            return folders.into_iter().find(|file| file.exists()).unwrap_or_else(|| name.into());
        }
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/programs/proxies").join(name)
    }
}

/// What stands around the example in nginx, with everything that it writes in its folder.
const NGINX: &str = "daemon off; master_process off; pid nginx.pid; error_log stderr;\n\
    events {}\n\
    http {\n\
    access_log off; client_body_temp_path body; proxy_temp_path proxy;\n\
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
    include portal.conf;\n\
    }\n";

/// What stands before the example in Caddy: no port for its administration, and HTTP/2 without TLS.
const CADDY: &str = "{\n\tadmin off\n\tservers {\n\t\tprotocols h1 h2 h2c\n\t}\n}\n";

impl Proxy {
    /// Starts one with this configuration, in which the addresses of the example stand for those of
    /// Portcullis and of the portal.
    pub(crate) async fn start(kind: Kind, edition: Edition, text: &str, gate: &TestGate) -> Self {
        Self::start_before(gate.upstream.address, kind, edition, text, gate).await
    }

    /// The same, before another portal than the gate's.
    pub(crate) async fn start_before(
        portal: SocketAddr,
        kind: Kind,
        edition: Edition,
        text: &str,
        gate: &TestGate,
    ) -> Self {
        let asked = gate.address;
        let address = free_address();
        let (here, there) = kind.listens(address);
        let mut text = text.to_owned();
        let mut changes = vec![
            (here.to_owned(), there),
            (kind.names(8080), kind.names(asked.port())),
            (kind.names(9000), kind.names(portal.port())),
        ];
        if kind == Kind::EnvoyGrpc {
            changes.push((kind.names(8082), kind.names(gate.grpc_address.unwrap().port())));
        }
        for (from, to) in changes {
            assert!(text.contains(&from), "{kind:?}: `{from}` is not in the example");
            text = text.replace(&from, &to);
        }
        let folder = tempfile::tempdir().unwrap();
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let child = kind
            .command(edition, &text, folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?}: {error}; run `make setup-proxies`"));
        let mut proxy = Self { address, child, folder };
        proxy.accepts().await;
        proxy
    }

    /// Waits until it accepts connections.
    async fn accepts(&mut self) {
        let accepting = async {
            let mut tries = tokio::time::interval(Duration::from_millis(30));
            while TcpStream::connect(self.address).await.is_err() {
                tries.tick().await;
                let ended = self.child.try_wait().unwrap();
                assert_eq!(ended, None, "it has ended: {}", self.output());
            }
        };
        let accepted = tokio::time::timeout(START, accepting).await;
        assert!(accepted.is_ok(), "it does not accept connections: {}", self.output());
    }

    /// What it has written to its standard output and error.
    fn output(&self) -> String {
        let output = std::fs::read(self.folder.path().join("output")).unwrap();
        String::from_utf8_lossy(&output).into_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the proxy wrote:\n{}", self.output());
        }
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// An example configuration.
pub(crate) fn example(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// An address that nothing listens at. Outgoing connections have other addresses, so that the port
/// stays free.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 79, 1), 0)).unwrap();
    listener.local_addr().unwrap()
}
