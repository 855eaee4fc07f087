//! What a service manager such as systemd does for the gateway, and what it is notified of.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use tokio::net::{TcpStream, UnixDatagram, UnixStream};

use crate::support::client::within;
use crate::support::program::{Home, SERVE, portcullis};
use crate::support::upstream::Upstream;
use crate::support::wire::Wire;

const ROUTES: &str = "[[route]]\nname = \"Open\"\npath = \"/open/{*rest}\"\naccess = \"public\"\n";

/// A socket that listens, and its address.
fn listening() -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

/// The status of the answer to a request there.
async fn status(address: SocketAddr, path: &str) -> u16 {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut wire = Wire(tokio::io::BufReader::new(Box::new(stream)));
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n\r\n")).await;
    wire.reply().await.status
}

#[tokio::test]
async fn passed_sockets_replace_the_addresses_of_the_settings() {
    let portal = Upstream::start().await;
    let home = Home::new(portal.address, ROUTES);
    let ((gateway, address), (admin, admin_address)) = (listening(), listening());
    let mut command = home.activated([("gateway", gateway), ("admin", admin)]);
    let program = home.serving(&mut command).await.unwrap();
    // Otherwise it would hold the sockets, too.
    drop(command);
    assert_eq!((program.gateway, program.admin_address), (address, admin_address));
    assert_eq!(status(address, "/open/a").await, 200);
    assert_eq!(status(admin_address, "/healthz").await, 200);
    program.stop().await;
}

#[tokio::test]
async fn passed_unix_socket_outlives_the_program() {
    let portal = Upstream::start().await;
    let home = Home::new(portal.address, ROUTES);
    let path = home.path("gateway.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let ask = async || {
        let stream = UnixStream::connect(&path).await.unwrap();
        let mut wire = Wire(tokio::io::BufReader::new(Box::new(stream)));
        wire.send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
        wire
    };
    let mut waiting = None;
    for _ in 0..2 {
        let passed = unix.try_clone().unwrap();
        let mut command = home.activated([("gateway", listening().0), ("gateway", passed.into())]);
        let program = home.serving(&mut command).await.unwrap();
        drop(command);
        if let Some(mut waiting) = waiting.take() {
            let reply = Wire::reply(&mut waiting).await;
            assert_eq!(reply.status, 200, "it was sent while nothing served");
        }
        assert_eq!(ask().await.reply().await.status, 200);
        program.logged("unix-without-client", 1).await;
        program.stop().await;
        assert!(path.exists(), "the socket is the service manager's");
        waiting = Some(ask().await);
    }
}

#[tokio::test]
async fn passed_sockets_that_cannot_be_used_prevent_a_start() {
    let portal = Upstream::start().await;
    let home = Home::new(portal.address, ROUTES);
    let listening = || listening().0;
    let datagrams = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let unix = || -> OwnedFd {
        let name = format!("{}.sock", std::fs::read_dir(folder.path()).unwrap().count());
        UnixListener::bind(folder.path().join(name)).unwrap().into()
    };
    let connected = OwnedFd::from(std::net::TcpStream::connect(portal.address).unwrap());
    for (sockets, expected) in [
        (
            [("gateway", listening()), ("portcullis.socket", listening())],
            "passes a socket named `portcullis.socket`",
        ),
        ([("admin", listening()), ("admin", listening())], "passes several sockets named `admin`"),
        (
            [("admin", listening()), ("gateway", datagrams)],
            "`gateway` of the service manager is not a listening TCP socket or Unix socket",
        ),
        (
            [("gateway", unix()), ("admin", unix())],
            "`admin` of the service manager is not a listening TCP socket:",
        ),
        ([("admin", listening()), ("gateway", connected)], "it does not listen"),
        (
            [("gateway", listening()), ("redirect", listening())],
            "named `redirect`, but `server.redirect_listen` is not set",
        ),
        (
            [("gateway", listening()), ("grpc", listening())],
            "named `grpc`, but `forward_auth.grpc_listen` is not set",
        ),
    ] {
        let command = home.activated(sockets).spawn().unwrap();
        let ended = within("the end of the program", command.wait_with_output()).await.unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn service_manager_is_notified_of_each_step() {
    let portal = Upstream::start().await;
    let home = Home::new(portal.address, ROUTES);
    let path = home.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut command = portcullis(&home.path(""), &SERVE);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let program = home.serve_with(command).await.unwrap();
    /// Waits for a notification, over those of the watchdog.
    async fn notified(manager: &UnixDatagram, what: &str) -> String {
        let waiting = async {
            loop {
                let mut text = [0; 100];
                let length = manager.recv(&mut text).await.unwrap();
                let text = std::str::from_utf8(&text[..length]).unwrap();
                if text.starts_with(what) {
                    return text.to_owned();
                }
                assert_eq!(text, "WATCHDOG=1", "before {what}");
            }
        };
        within(what, waiting).await
    }
    notified(&manager, "READY=1").await;
    assert_eq!(status(program.gateway, "/open/a").await, 200);
    notified(&manager, "WATCHDOG=1").await;
    program.signal(Signal::HUP);
    let reloading = notified(&manager, "RELOADING=1").await;
    let (_, time) = reloading.split_once("\nMONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0, "{reloading}");
    notified(&manager, "READY=1").await;
    program.signal(Signal::TERM);
    notified(&manager, "STOPPING=1").await;
}

/// `systemd-analyze verify` warns of what it ignores, and of units of the system.
#[test]
fn shipped_units_are_valid() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("systemd-analyze is not installed, so the units are not checked");
        return;
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/systemd");
    let complaints = |replaced: (&str, &str)| {
        let folder = tempfile::tempdir().unwrap();
        let mut units = Vec::new();
        for unit in std::fs::read_dir(&shipped).unwrap().map(|unit| unit.unwrap().path()) {
            let text = std::fs::read_to_string(&unit).unwrap();
            let text = text.replace("/usr/local/bin/portcullis", env!("CARGO_BIN_EXE_portcullis"));
            let copy = folder.path().join(unit.file_name().unwrap());
            std::fs::write(&copy, text.replace(replaced.0, replaced.1)).unwrap();
            units.push(copy);
        }
        assert_eq!(units.len(), 4);
        let mut verify = Command::new("systemd-analyze");
        let ended = verify.args(["verify", "--man=no"]).args(&units).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        let ours = said.lines().filter(|line| line.contains("portcullis"));
        ours.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complaints(("", "")), [""; 0]);
    let wrong = complaints(("ProtectHome=", "ProtectHouse=")).concat();
    assert!(wrong.contains("ProtectHouse"), "{wrong}");
}
