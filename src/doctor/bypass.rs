//! The portal past the gateway: it must respond to the gateway only.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use super::client::{Answer, Ask, Client, Endpoint, Refused};
use super::deployment::Deployment;
use super::finding::Finding;
use super::outside;
use super::paths::unused_path;
use crate::config::UpstreamServer;

/// How long an address may take to respond that should not.
const SHORT: Duration = Duration::from_secs(3);
/// Addresses that no packet is sent to (RFC 5737, RFC 3849): the system only says from which of its
/// own addresses one would be.
const ELSEWHERE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9),
];

/// `client` connects to the portal as any other machine, `to_portal` as the gateway; that is only
/// there with settings.
pub(super) fn probe(
    deployment: &Deployment<'_>,
    client: &Client,
    to_portal: Option<&Client>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for url in &deployment.portals {
        findings.push(named(&Endpoint::at(url, None), url.as_str(), client));
    }
    let Some((settings, to_portal)) = deployment.settings().zip(to_portal) else {
        return findings;
    };
    let host = deployment.public_url().map(|url| url.host().to_string()).unwrap_or_default();
    let own = own_addresses();
    for server in settings.upstream.groups().flatten() {
        let Some(endpoint) = Endpoint::portal(server, &host) else {
            findings.push(Finding::ok(
                "portal-address",
                format!("the portal at {server} is a socket of this machine"),
            ));
            continue;
        };
        let endpoint = endpoint.with_name(settings.upstream.tls.name.as_ref());
        let answer = match to_portal.ask(&endpoint, &Ask::page("/")) {
            Ok(answer) => answer,
            Err(error) => {
                findings.push(
                    Finding::error(
                        "portal-unreachable",
                        format!("the portal at {server} does not respond: {error}"),
                    )
                    .because("requests get 502")
                    .fix("start the portal, or correct `upstream`"),
                );
                continue;
            }
        };
        findings.extend(refused_certificate(&answer, server));
        findings.extend(outside::clock(
            &answer,
            &format!("the portal at {server}"),
            deployment.now,
        ));
        let others = deployment.endpoint().map(|public| public.address().to_owned());
        findings.push(elsewhere(server, &host, &own, others.as_deref()));
    }
    findings
}

/// That the gateway does not send requests to a server, because of its certificate.
fn refused_certificate(answer: &Answer, server: &UpstreamServer) -> Option<Finding> {
    let why = match answer.tls.as_ref()?.refused.as_ref()? {
        Refused::UnknownIssuer => "it was not issued by an authority that the gateway trusts",
        Refused::Other(why) => why,
    };
    let what = format!("the gateway refuses the certificate of the portal at {server}: {why}");
    let finding = Finding::error("portal-certificate", what).because("requests get 502");
    Some(finding.fix("run `portcullis check --connect`, which says what to change"))
}

/// An address that the operator has named: the portal must not respond there.
fn named(endpoint: &Endpoint, url: &str, client: &Client) -> Finding {
    match client.ask(endpoint, &Ask::get(&unused_path())) {
        Ok(answer) if answer.problem().is_some() => {
            Finding::ok("portal-address", format!("the gateway answers at {url}"))
        }
        Ok(answer) => reachable(url, &answer),
        Err(error) => Finding::ok(
            "portal-address",
            format!("the portal does not respond to this machine at {url}: {error}"),
        ),
    }
}

fn reachable(at: &str, answer: &Answer) -> Finding {
    Finding::error(
        "portal-reachable",
        format!("the portal responds at {at} past the gateway ({})", answer.described()),
    )
    .because("who reaches it there names any user in a header, and no rule applies")
    .fix(
        "let the portal listen on a loopback address, or let a firewall accept only connections of \
         the gateway",
    )
}

/// Whether a server of the portal responds at other addresses than that of the settings.
fn elsewhere(
    server: &UpstreamServer,
    host: &str,
    own: &BTreeSet<IpAddr>,
    public: Option<&str>,
) -> Finding {
    let addresses: Vec<_> = server.address.to_socket_addrs().into_iter().flatten().collect();
    let Some(port) = addresses.first().map(SocketAddr::port) else {
        return on_network(server);
    };
    if !addresses.iter().all(|address| address.ip().is_loopback()) {
        return on_network(server);
    }
    let public = public.and_then(|public| public.to_socket_addrs().ok()).into_iter().flatten();
    let mut others = own.clone();
    others.extend(public.map(|address| address.ip()).filter(|ip| !ip.is_loopback()));
    let client = Client::within(SHORT);
    for ip in others {
        let address = SocketAddr::new(ip, port).to_string();
        let there = UpstreamServer { address, ..server.clone() };
        if let Some(endpoint) = Endpoint::portal(&there, host)
            && let Ok(answer) = client.ask(&endpoint, &Ask::get(&unused_path()))
            && answer.problem().is_none()
        {
            return reachable(&there.to_string(), &answer);
        }
    }
    Finding::ok(
        "portal-address",
        format!("the portal at {server} does not respond at other addresses"),
    )
}

fn on_network(server: &UpstreamServer) -> Finding {
    Finding::note("portal-on-network", format!("the portal at {server} is on a network"))
        .because("every machine that reaches it there names any user in a header")
        .fix(format!(
            "let a firewall accept only the gateway, and run `portcullis doctor --portal \
         {server}` on another machine"
        ))
}

/// The addresses of this machine from which it sends to others.
fn own_addresses() -> BTreeSet<IpAddr> {
    let own = ELSEWHERE.iter().filter_map(|other| {
        let any: IpAddr = match other.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(other).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    own.filter(|ip| !ip.is_loopback() && !ip.is_unspecified()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::doctor::finding::Severity;

    /// A portal that answers one request.
    fn portal(ip: &str, times: usize) -> (SocketAddr, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            for _ in 0..times {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]).unwrap();
                stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
        });
        (address, serving)
    }

    #[test]
    fn portal_on_every_address_of_the_machine_is_found() {
        // Another loopback address stands for one of a network.
        let other: BTreeSet<IpAddr> = ["127.0.79.2".parse().unwrap()].into();
        let (address, serving) = portal("0.0.0.0", 1);
        let server = |address: String| format!("http://{address}").parse().unwrap();
        let here = server(format!("127.0.0.1:{}", address.port()));
        let found = elsewhere(&here, "h", &other, None);
        assert_eq!((found.name, found.severity), ("portal-reachable", Severity::Error));
        serving.join().unwrap();

        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let here = server(listener.local_addr().unwrap().to_string());
        let found = elsewhere(&here, "h", &other, None);
        assert_eq!((found.name, found.severity), ("portal-address", Severity::Ok));
        let found = elsewhere(&server("192.0.2.1:80".to_owned()), "h", &other, None);
        assert_eq!((found.name, found.severity), ("portal-on-network", Severity::Note));
    }

    #[test]
    fn portal_at_a_named_address_is_an_error() {
        let client = Client::within(SHORT);
        let (address, serving) = portal("127.0.0.1", 1);
        let endpoint =
            Endpoint::portal(&format!("http://{address}").parse().unwrap(), "h").unwrap();
        assert_eq!(named(&endpoint, "http://p", &client).name, "portal-reachable");
        serving.join().unwrap();
        assert_eq!(named(&endpoint, "http://p", &client).name, "portal-address");
    }
}
