use std::collections::{BTreeSet, HashMap};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use portcullis_policy::{Policy, PolicyFiles, Portal, Readings};
use tempfile::TempDir;

use super::*;
use crate::config::{ListenAddress, Loaded, Tls, WarningName};

/// Settings of which nothing is to be warned.
const GOOD: [(&str, &str); 7] = [
    ("server.public_url", "\"https://portal.example.com\""),
    ("server.trusted_proxies", "[\"10.0.0.1\"]"),
    ("upstream.servers", "[\"http://127.0.0.1:9000\"]"),
    ("branding.name", "\"Example IT\""),
    ("mail.from", "\"portal@example.net\""),
    ("mail.transport", "\"smtp\""),
    ("mail.smtp.host", "\"mail.example.net\""),
];

/// The good settings with these in place of some of them, or beside them.
fn loaded(changed: &[(&str, &str)]) -> Loaded {
    let mut settings: HashMap<_, _> = GOOD.into();
    settings.extend(changed.iter().copied());
    let lines: String =
        settings.iter().flat_map(|(key, value)| [key, " = ", value, "\n"]).collect();
    Loaded::parse(&lines, Path::new("p.toml"), &HashMap::new()).unwrap()
}

fn shipped() -> PolicyFiles {
    PolicyFiles {
        permissions: include_str!("../../policies/permissions.toml").to_owned(),
        groups: include_str!("../../policies/groups.toml").to_owned(),
        ..PolicyFiles::default()
    }
}

fn policy(routes: &str) -> Policy {
    let files = PolicyFiles { routes: routes.to_owned(), ..shipped() };
    // Other readings make warnings of their own.
    let portal = Portal { upstreams: None, ..[].into_iter().collect::<Readings>().into() };
    Policy::compile_for(&files, &portal).unwrap()
}

fn shown(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(|warning| format!("{}: {warning}", warning.name)).collect()
}

/// The warnings of settings and a policy, at a check.
fn found(changed: &[(&str, &str)], policy: Option<&Policy>) -> Vec<String> {
    let loaded = loaded(changed);
    let settings = loaded.settings.unwrap();
    shown(&warnings(&Checked {
        settings: Some(&settings),
        listens: &[],
        certificates: &loaded.references.certificates.iter().collect::<Vec<_>>(),
        policy: policy.map(|policy| (policy, Path::new("policies"))),
        ignored_variables: &[],
        expectations: Expectations::Files,
        connect: false,
        now: "2026-06-01T00:00:00Z".parse().unwrap(),
    }))
}

#[test]
fn settings_that_are_hardly_meant_are_named() {
    let https = "https-without-tls: server.public_url is https, but TLS does not end here \
        (`server.tls`), and no proxy is trusted that could end it (`server.trusted_proxies`): all \
        requests seem to come from one address, and share its limits and lockouts. Set \
        `server.trusted_proxies` to the addresses of the proxy, or `server.tls`";
    let name = "default-name: branding.name is the default: pages and mails are titled `Customer \
        Support`. Set it to a name that your customers know";
    let sender = "default-sender: mail.from is the default: mails come from `portal@example.com`, \
        which mail servers refuse. Set it to an address of yours";
    let mail = "mail-not-sent: mail.transport is \"directory\": mails are written to `mail` and \
        not sent, so portal users get no invitations and no links for a new password. Set it to \
        \"smtp\", with `mail.smtp.host`";
    let local = ("server.public_url", "\"http://localhost:8080\"");
    let open = ("server.listen", "[\"127.0.0.1:80\", \"0.0.0.0:8080\"]");
    let default_name = ("branding.name", "\"Customer Support\"");
    let default_sender = ("mail.from", "\"portal@example.com\"");
    let directory = ("mail.transport", "\"directory\"");
    for (changed, expected) in [
        (&[][..], &[][..]),
        (&[("server.trusted_proxies", "[]")], &[https]),
        (&[default_name], &[name]),
        (&[default_sender], &[sender]),
        (&[directory], &[mail]),
        // A gateway that only this machine can reach is for trying it out.
        (&[local, ("server.trusted_proxies", "[]"), default_name, default_sender, directory], &[]),
        (&[local, open, default_name, default_sender, directory], &[name, sender, mail]),
        (&[local, ("server.listen", "[\"[::1]:80\", \"127.0.0.2:80\"]"), directory], &[]),
    ] {
        assert_eq!(found(changed, None), expected, "{changed:?}");
    }
}

#[test]
fn unix_sockets_whose_clients_nothing_names_are_named() {
    let unix = ("server.listen", "[\"127.0.0.1:80\", \"unix:/run/gateway.sock\"]");
    let expected = "unix-without-client: server.listen: nothing names the clients of \
        `unix:/run/gateway.sock`, so all of them share one unknown address, its limits and its \
        lockouts. Add `unix:` to `server.trusted_proxies` if the proxy sends `X-Forwarded-For`, or \
        to `server.proxy_protocol` if it sends the PROXY protocol";
    assert_eq!(found(&[unix], None), [expected]);
    for setting in ["server.trusted_proxies", "server.proxy_protocol"] {
        assert_eq!(found(&[unix, (setting, "[\"10.0.0.1\", \"unix:\"]")], None), [""; 0]);
        let networks = (setting, "[\"0.0.0.0/0\", \"::/0\"]");
        assert_eq!(found(&[unix, networks], None), [expected], "{setting}");
    }
    // A socket of the service manager is not in the settings.
    let settings = loaded(&[]).settings.unwrap();
    let passed = [ListenAddress::Unix("/run/passed.sock".into())];
    let warnings = settings::warnings(&settings, &passed);
    assert!(shown(&warnings)[0].contains("`unix:/run/passed.sock`"), "{warnings:?}");
    assert_eq!(shown(&settings::warnings(&settings, &[])), [""; 0]);
}

#[test]
fn a_portal_that_is_the_gateways_own_socket_is_named() {
    let unix = ("server.listen", "[\"unix:/run/gateway.sock\"]");
    let trusted = ("server.trusted_proxies", "[\"unix:\"]");
    let admin = ("admin.socket", "\"/run/admin.sock\"");
    for (path, key) in [
        ("/run/gateway.sock", Some("server.listen")),
        ("/run/admin.sock", Some("admin.socket")),
        ("/run/portal.sock", None),
    ] {
        let servers = format!("[\"unix:{path}\"]");
        let found = found(&[unix, trusted, admin, ("upstream.servers", &servers)], None);
        assert_eq!(found.len(), usize::from(key.is_some()), "{path}: {found:?}");
        let named = key.is_none_or(|key| found[0].contains(&format!("(`{key}`)")));
        assert!(named, "{path}: {found:?}");
    }
}

#[test]
fn colours_and_unused_servers_are_named() {
    let used = "[[route]]\nname = \"a\"\npath = \"/a\"\naccess = \"public\"\n";
    let policy = policy(used);
    let others = ("upstream.others", "{ reports = [\"http://127.0.0.1:9100\"] }");
    let colour = ("branding.accent", "\"#ffee00\"");
    let warnings = found(&[others, colour], Some(&policy));
    assert!(
        warnings[0].starts_with(
            "adjusted-colour: branding.accent #ffee00 is too light for text on light pages; #"
        ),
        "{warnings:?}"
    );
    let unused = "unused-upstream: no route uses the servers of `upstream.others.reports`. Remove \
        them, or write `upstream = \"reports\"` in routes";
    assert_eq!(&warnings[1..], [unused]);
    assert_eq!(found(&[], Some(&policy)), [] as [String; 0]);
}

#[test]
fn a_server_that_is_the_gateway_itself_is_named() {
    let all = ("server.listen", "[\"0.0.0.0:8000\"]");
    let one = ("server.listen", "[\"127.0.0.1:8000\"]");
    let six = ("server.listen", "[\"[::1]:8000\"]");
    let asked = ("forward_auth.enabled", "true");
    let grpc = ("forward_auth.grpc_listen", "\"127.0.0.1:8082\"");
    for (listen, server, key) in [
        (all, "127.0.0.1:8000", Some("server.listen")),
        (all, "localhost:8000", Some("server.listen")),
        (all, "127.0.0.1:8001", None),
        (all, "10.0.0.7:8000", None),
        (one, "127.0.0.1:8000", Some("server.listen")),
        (one, "localhost:8000", Some("server.listen")),
        (one, "127.0.0.2:8000", None),
        (one, "portal:8000", None),
        (one, "127.0.0.1:8081", Some("admin.listen")),
        (six, "[::1]:8000", Some("server.listen")),
        (six, "localhost:8000", Some("server.listen")),
        (six, "127.0.0.1:8000", None),
        (one, "127.0.0.1:8082", Some("forward_auth.grpc_listen")),
        (one, "127.0.0.1:8083", None),
    ] {
        let servers = format!("[\"http://10.0.0.1\", \"http://{server}\"]");
        let expected = key.map(|key| {
            format!(
                "upstream-is-gateway: upstream: http://{server} is an address of the gateway itself \
                 (`{key}`), so it would receive its own requests. Write the address of the portal"
            )
        });
        let found = found(&[listen, asked, grpc, ("upstream.servers", &servers)], None);
        assert_eq!(found, Vec::from_iter(expected), "{listen:?} {server}");
    }
}

#[test]
fn routes_that_are_hardly_meant_are_named() {
    let route = |name: &str, path: &str, access: &str| {
        format!("[[route]]\nname = \"{name}\"\npath = \"{path}\"\n{access}\n")
    };
    let public = "access = \"public\"";
    let deny = "access = \"deny\"";
    for (routes, expected) in [
        (
            [route("Files", "/files/*.pdf", public), route("A", "/a", deny)],
            &["foreign-syntax: policies/routes.toml:1: `Files` (/files/*.pdf) matches only the \
                 text `*.pdf` itself in its path. Write a variable such as `{name}`, `{name:int}` \
                 or `{file:*.pdf}`, or escape the characters (`%2A` for `*`)"][..],
        ),
        ([route("Files", "/files/%2A.pdf", public), route("A", "/a", deny)], &[]),
        (
            [
                route("Files", "/files/{*rest}", &format!("{public}\nexcept = [\"admin.*\"]")),
                route("A", "/a", deny),
            ],
            &["foreign-syntax: policies/routes.toml:1: `admin.*` in `except` of `Files` \
                 (/files/{*rest}) excludes only names that begin with `admin.`: it is not a regular \
                 expression. Write `admin*` for all names that begin with `admin`"],
        ),
        (
            [
                route("Files", "/files/{*rest}", &format!("{public}\nexcept = [\".*\"]")),
                route("A", "/a", deny),
            ],
            &[],
        ),
        (
            [route("All", "/{x}/", public), route("Secret", "/secret", deny)],
            &["open-with-slash: policies/routes.toml:5: `Secret` (/secret) does not include \
                 /secret/, which `All` (/{x}/) at routes.toml:1 allows. If the portal reads both as \
                 one path, write `path = \"/secret[/]\"` in the former"],
        ),
        ([route("All", "/{x}/", public), route("Secret", "/secret[/]", deny)], &[]),
        (
            [route("All", "/{x}[/]", public), route("Secret", "/secret/", deny)],
            &["open-with-slash: policies/routes.toml:5: `Secret` (/secret/) does not include \
                 /secret, which `All` (/{x}[/]) at routes.toml:1 allows. If the portal reads both \
                 as one path, write `path = \"/secret[/]\"` in the former"],
        ),
        (
            [route("All", "/{x}/{*y}", public), route("Secret", "/secret[/]", deny)],
            &[
                "open-below: policies/routes.toml:5: `Secret` (/secret[/]) does not include what is \
                 below it: `All` (/{x}/{*y}) at routes.toml:1 allows /secret/1. If the portal \
                 serves pages there, add `subtree = true` to the former",
            ],
        ),
    ] {
        assert_eq!(found(&[], Some(&policy(&routes.concat()))), expected, "{routes:?}");
    }
}

/// A certificate for these names and its key, in a folder.
fn certify(folder: &Path, names: &[&str], years: (i32, i32)) -> Tls {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = rcgen::CertificateParams::new(names).unwrap();
    parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let (certificate_file, key_file) = (folder.join("portal.crt"), folder.join("portal.key"));
    let at = "server.tls".to_owned();
    let tls = Tls { of: "server", at, certificate: certificate_file, key: key_file };
    std::fs::write(&tls.certificate, certificate.pem()).unwrap();
    std::fs::write(&tls.key, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&tls.key, Permissions::from_mode(0o640)).unwrap();
    tls
}

#[test]
fn the_admin_listener_is_checked_for_tls() {
    let folder = TempDir::new().unwrap();
    let detail = "admin-without-tls: admin.listen: other machines can reach `0.0.0.0:8081`, and \
                  passwords and tokens are sent in clear text. Set `admin.tls`, or listen on \
                  127.0.0.1 behind a proxy that ends TLS and set `admin.public_url` to its https URL";
    let listen = ("admin.listen", "\"0.0.0.0:8081\"");
    assert_eq!(found(&[listen], None), [detail]);
    assert_eq!(found(&[("admin.listen", "\"127.0.0.1:9081\"")], None), [""; 0]);
    let url = ("admin.public_url", "\"https://admin.example.com\"");
    assert_eq!(found(&[listen, url], None), [""; 0]);
    let Tls { certificate, key, .. } = certify(folder.path(), &["other.example"], (2020, 2030));
    let tls =
        format!("{{ certificate = \"{}\", key = \"{}\" }}", certificate.display(), key.display());
    let http = ("admin.public_url", "\"http://admin.example.com\"");
    let warnings = found(&[listen, http, ("admin.tls", &tls)], None);
    let start = "tls-with-http-url: admin.tls is set, but admin.public_url is http";
    assert!(warnings.iter().any(|warning| warning.starts_with(start)), "{warnings:?}");
    let warnings = found(&[listen, url, ("admin.tls", &tls)], None);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let start = "certificate-other-host: admin.tls.certificate: ";
    assert!(warnings[0].starts_with(start), "{warnings:?}");
    assert!(warnings[0].contains("`admin.public_url` or `admin.hosts`"), "{warnings:?}");
}

#[test]
fn certificates_that_browsers_refuse_are_named() {
    let folder = TempDir::new().unwrap();
    let hosts = ("server.hosts", "[\"*.example.org\", \"127.0.0.1\", \"[::1]\", \"localhost\"]");
    let both = &["portal.example.com", "*.example.org"][..];
    for (names, years, expected) in [
        (both, (2020, 2030), &[][..]),
        (
            both,
            (2020, 2026),
            &[
                "certificate-expired: server.tls.certificate: portal.crt expired on 2026-01-01 00:00 \
               UTC; browsers refuse it. Renew it, or check the clock of this machine",
            ],
        ),
        (
            both,
            (2027, 2026),
            &[
                "certificate-expired: server.tls.certificate: portal.crt expired on 2026-01-01 00:00 \
               UTC. Renew it: the gateway reads the new one without a restart",
            ],
        ),
        (
            both,
            (2027, 2030),
            &["certificate-not-yet-valid: server.tls.certificate: portal.crt is not valid before \
               2027-01-01 00:00 UTC; browsers refuse it. Renew it, or check the clock of this \
               machine"],
        ),
        (
            &["example.org", "192.0.2.1"],
            (2020, 2030),
            &["certificate-other-host: server.tls.certificate: portal.crt is for `example.org`, \
               `192.0.2.1`, and not for `portal.example.com`, `*.example.org`, which \
               `server.public_url` or `server.hosts` names; browsers refuse it there. Use a \
               certificate for all of them, or add one with `server.certificates`"],
        ),
        (
            &[],
            (2020, 2030),
            &["certificate-other-host: server.tls.certificate: portal.crt names no host, and not \
               for `portal.example.com`, `*.example.org`, which `server.public_url` or \
               `server.hosts` names; browsers refuse it there. Use a certificate for all of them, \
               or add one with `server.certificates`"],
        ),
    ] {
        let tls = certify(folder.path(), names, years);
        let tls = format!("{{ certificate = {:?}, key = {:?} }}", tls.certificate, tls.key);
        let found = found(&[hosts, ("server.tls", &tls)], None);
        let plain = |text: &String| text.replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(found.iter().map(plain).collect::<Vec<_>>(), expected, "{names:?}");
    }
}

#[test]
fn certificate_that_the_portal_refuses_is_named() {
    let folder = TempDir::new().unwrap();
    let servers = ("upstream.servers", "[\"https://10.0.0.7\"]");
    for (years, expected) in [
        ((2020, 2030), &[][..]),
        (
            (2020, 2026),
            &[
                "certificate-expired: upstream.tls.certificate: portal.crt expired on 2026-01-01 00:00 \
               UTC; the portal's servers refuse it. Renew it, or check the clock of this machine",
            ],
        ),
    ] {
        let tls = certify(folder.path(), &["gateway.example.com"], years);
        let files = format!("{{ certificate = {:?}, key = {:?} }}", tls.certificate, tls.key);
        let settings = loaded(&[servers, ("upstream.tls", &files)]).settings.unwrap();
        let found = shown(&warnings(&Checked {
            settings: Some(&settings),
            listens: &[],
            certificates: &settings.certificates().collect::<Vec<_>>(),
            policy: None,
            ignored_variables: &[],
            expectations: Expectations::Files,
            connect: false,
            now: "2026-06-01T00:00:00Z".parse().unwrap(),
        }));
        let plain = |text: &String| text.replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(found.iter().map(plain).collect::<Vec<_>>(), expected, "{years:?}");
    }
}

#[test]
fn a_key_for_everybody_and_tls_behind_http_are_named() {
    let folder = TempDir::new().unwrap();
    let tls = certify(folder.path(), &["portal.example.com"], (2020, 2030));
    let key = tls.key.display().to_string();
    let setting = format!("{{ certificate = {:?}, key = {:?} }}", tls.certificate, tls.key);
    let with =
        |more: &[(&str, &str)]| found(&[&[("server.tls", setting.as_str())], more].concat(), None);
    assert_eq!(with(&[]), [] as [String; 0]);
    std::fs::set_permissions(&tls.key, Permissions::from_mode(0o644)).unwrap();
    let readable = format!(
        "readable-key: server.tls.key: every user of this machine has access to {key} (mode 0644). \
         Run `chmod o= {key}`, and replace the certificate if others may have read the key"
    );
    assert_eq!(with(&[]), [readable]);
    // The files are swapped, which is an error.
    let swapped = format!("{{ certificate = {:?}, key = {:?} }}", tls.key, tls.certificate);
    assert_eq!(found(&[("server.tls", &swapped)], None), [] as [String; 0]);
    std::fs::set_permissions(&tls.key, Permissions::from_mode(0o600)).unwrap();
    let http = "tls-with-http-url: server.tls is set, but server.public_url is http: links in mails \
        do not work, cookies are not secure, and forms are refused. Write \
        `https://portal.example.com`";
    assert_eq!(with(&[("server.public_url", "\"http://portal.example.com\"")]), [http]);
}

#[test]
fn ignored_variables_are_named_even_without_settings() {
    let name = "PORTCULLIS_SERVER_PUBLIC_URL".to_owned();
    let environment = HashMap::from([(name, "https://portal.example.com".to_owned())]);
    let loaded = Loaded::parse("", Path::new("p.toml"), &environment).unwrap();
    assert!(loaded.settings.is_err());
    assert_eq!(
        shown(&ignored_variables(&loaded.references.ignored_variables)),
        [
            "ignored-variable: the environment variable `PORTCULLIS_SERVER_PUBLIC_URL` has no effect: \
          between the parts of a setting there are two underscores; write \
          `PORTCULLIS__SERVER__PUBLIC_URL`"
        ]
    );
}

#[test]
fn allowed_warnings_have_their_reason() {
    let allow = "[{ name = \"default-name\", reason = \"it is ours\" }, \
                 { name = \"open-below\", reason = \"nothing is there\" }, \
                 { name = \"portal-unreachable\", reason = \"it starts later\" }]";
    let loaded = loaded(&[("branding.name", "\"Customer Support\""), ("check.allow", allow)]);
    let settings = loaded.settings.unwrap();
    let policy = policy("");
    let checked = |expectations| Checked {
        settings: Some(&settings),
        listens: &[],
        certificates: &[],
        policy: Some((&policy, Path::new("policies"))),
        ignored_variables: &[],
        expectations,
        connect: false,
        now: Timestamp::UNIX_EPOCH,
    };
    let found = warnings(&checked(Expectations::Files));
    let allowed: Vec<_> =
        found.iter().map(|found| (found.name, found.allowed.as_deref())).collect();
    assert_eq!(
        allowed,
        [(WarningName::DefaultName, Some("it is ours")), (WarningName::UnusedAllow, None)]
    );
    let unused = "check.allow: there is no warning `open-below`; remove it";
    assert_eq!(found[1].to_string(), unused);
    let found = warnings(&checked(Expectations::Running(Ok(()))));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn every_warning_is_documented() {
    let reference = include_str!("../../docs/cli.md");
    let (_, section) = reference.split_once("\n## Warnings\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let documented: BTreeSet<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let known = WarningName::ALL.map(|name| name.to_string()).into();
    assert_eq!(documented, known);
    assert!(WarningName::ALL.is_sorted(), "the order in which they are reported");
}
