use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::problem::Problems;
use super::*;

mod effective;
mod identity;
mod messages;

const LEAST: &str = r#"
    [server]
    public_url = "https://portal.example.com"
    [upstream]
    servers = ["http://127.0.0.1:9000"]
"#;

fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn parse(text: &str) -> Result<Settings, Problems> {
    Settings::parse(text, Path::new("portcullis.toml"), &HashMap::new())
}

fn problems(text: &str) -> Vec<(String, String)> {
    parse(text).unwrap_err().0.into_iter().map(|p| (p.key, p.message)).collect()
}

#[test]
fn two_keys_have_no_default() {
    let settings = parse(LEAST).unwrap();
    assert_eq!(settings.server.listen, [ListenAddress::Tcp("127.0.0.1:8080".parse().unwrap())]);
    assert!(settings.server.public_url.is_https());
    assert!(settings.server.trusted_proxies.is_empty());
    assert!(settings.server.proxy_protocol.is_empty());
    assert!(settings.admin.proxy_protocol.is_empty());
    assert!(settings.forward_auth.grpc_proxy_protocol.is_empty());
    assert_eq!(settings.session.idle, Duration::from_secs(1800));
    assert_eq!(settings.session.absolute, Duration::from_secs(12 * 3600));
    assert_eq!(settings.store.max_staleness, Duration::from_secs(5));
    assert_eq!(settings.passwords.invitation_lifetime, Duration::from_secs(72 * 3600));
    assert_eq!(settings.passwords.reset_lifetime, Duration::from_secs(3600));
    assert_eq!(settings.admin.socket, Path::new("data/admin.sock"));
    assert_eq!(settings.server.shutdown_grace, Duration::from_secs(10));
    assert_eq!(settings.server.backlog, 4096);
}

#[test]
fn unix_sockets_are_listened_on_and_named_as_peers() {
    let text = format!(
        "[server]\nlisten = [\"[::1]:8080\", \"unix:/run/gateway.sock\"]\n\
         trusted_proxies = [\"unix:\"]\nproxy_protocol = [\"10.0.0.0/8\"]{}",
        LEAST.replace("[server]", "")
    );
    let server = parse(&text).unwrap().server;
    assert_eq!(server.listen[1], ListenAddress::Unix("/run/gateway.sock".into()));
    let shown: Vec<_> = server.listen.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["[::1]:8080", "unix:/run/gateway.sock"]);
    assert!(server.trusted_proxies.has_unix() && !server.trusted_proxies.is_empty());
    assert!(!server.trusted_proxies.contains(&"127.0.0.1".parse().unwrap()));
    assert!(!server.proxy_protocol.has_unix());
}

#[test]
fn an_address_of_a_trusted_proxy_is_one_host() {
    let settings = parse(
        "server.public_url = \"https://portal.example.com\"\n\
         server.trusted_proxies = [\"10.0.0.7\", \"10.1.0.0/16\", \"2001:db8::7\"]\n\
         upstream.servers = [\"http://127.0.0.1:9000\"]",
    )
    .unwrap();
    let trusts = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        settings.server.trusted_proxies.contains(&address)
    };
    for address in ["10.0.0.7", "10.1.2.3", "2001:db8::7"] {
        assert!(trusts(address), "{address}");
    }
    for address in ["10.0.0.6", "10.0.0.8", "10.2.0.0", "2001:db8::8"] {
        assert!(!trusts(address), "{address}");
    }
}

#[test]
fn an_empty_path_is_refused() {
    for key in [
        "policy.directory",
        "store.path",
        "admin.socket",
        "secrets.key_file",
        "mail.directory",
        "mail.templates",
        "mail.smtp.ca_file",
        "branding.logo",
        "branding.texts",
        "server.tls.certificate",
        "server.tls.key",
    ] {
        let with = |value: &str| {
            let mut pairs = BTreeMap::from([
                ("server.public_url", "https://portal.example.com"),
                ("server.tls.certificate", "a"),
                ("server.tls.key", "b"),
            ]);
            pairs.insert(key, value);
            let lines: String = pairs.iter().map(|(k, v)| format!("{k} = \"{v}\"\n")).collect();
            parse(&format!("{lines}upstream.servers = [\"http://127.0.0.1:9000\"]\n"))
        };
        assert!(with("x").is_ok(), "{key}");
        for empty in ["", " "] {
            let found = with(empty).unwrap_err().0;
            assert_eq!((found.len(), found[0].key.as_str()), (1, key), "{found:?}");
            assert!(found[0].message.starts_with("must not be empty"), "{found:?}");
        }
    }
}

#[test]
fn a_staleness_below_the_stores_interval_is_refused() {
    let with = |value: &str| parse(&format!("{LEAST}\n[store]\nmax_staleness = \"{value}\""));
    for (value, good) in [("200ms", false), ("999ms", false), ("1s", true), ("1h", true)] {
        let read = with(value).map(|settings| settings.store.max_staleness);
        assert_eq!(read.is_ok(), good, "{value}: {read:?}");
    }
    let found = with("200ms").unwrap_err().to_string();
    assert!(found.starts_with("store.max_staleness: must be at least 1s"), "{found}");
}

#[test]
fn the_sample_file_shows_the_defaults() {
    let sample = include_str!("../../config/portcullis.toml");
    let shown = parse(sample).unwrap();
    let mut least = parse(LEAST).unwrap();
    least.server.public_url = shown.server.public_url.clone();
    // For the policy that is shipped with it.
    least.allowed_warnings = shown.allowed_warnings.clone();
    least.branding.unset.clone_from(&shown.branding.unset);
    assert_eq!(format!("{shown:?}"), format!("{least:?}"));
}

#[test]
fn both_required_keys_are_reported_together() {
    let found = problems("");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].0, "server.public_url");
    assert_eq!(found[1].0, "upstream.servers");
}

#[test]
fn all_problems_are_reported_at_once() {
    let found = problems(
        r#"
        colour = "red"
        [server]
        public_url = "portal.example.com"
        listen = ["localhost"]
        trusted_proxies = ["10.0.0.0/99"]
        tls = { certificate = "a.crt" }
        threads = 0
        limits = { connections = -1, header_timeout = "0s" }
        [upstream]
        servers = ["ftp://127.0.0.1:9000"]
        [policy]
        mode = "lenient"
        [session]
        idle_timeout = "13h"
        absolute_timeout = "half an hour"
        [hashing]
        memory_kib = 1
        [identity]
        user = "Remote User"
    "#,
    );
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    for expected in [
        "colour",
        "server.public_url",
        "server.listen",
        "server.trusted_proxies",
        "server.tls",
        "server.threads",
        "server.limits.connections",
        "server.limits.header_timeout",
        "upstream.servers",
        "policy.mode",
        "session.absolute_timeout",
        "hashing.memory_kib",
        "identity.user",
    ] {
        assert!(keys.contains(&expected), "{expected} is not among {found:#?}");
    }
}

#[test]
fn an_invalid_item_of_a_list_is_never_dropped() {
    let with = |key: &str, list: &str| {
        let mut lines = BTreeMap::from([
            ("server.public_url", "\"https://portal.example.com\""),
            ("upstream.servers", "[\"http://127.0.0.1:9000\"]"),
        ]);
        lines.insert(key, list);
        parse(&lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>())
    };
    for (key, good, bad) in [
        ("server.listen", "\"127.0.0.1:1\"", "[\"127.0.0.1:2\"]"),
        ("server.hosts", "\"one.example\"", "{ a = 1 }"),
        ("server.trusted_proxies", "\"10.0.0.0/8\"", "[\"10.1.0.0/16\"]"),
        ("upstream.servers", "\"http://127.0.0.1:9000\"", "9000"),
        ("upstream.remove_headers", "\"X-Do\"", "[\"X-Undo\"]"),
    ] {
        assert!(with(key, &format!("[{good}]")).is_ok(), "{key}");
        // The only problem: the list is neither empty nor missing.
        let found = with(key, &format!("[{good}, {bad}]")).unwrap_err();
        assert_eq!(found.to_string(), format!("{key}[1]: must be a string"));
        let found = with(key, "[\" \"]").unwrap_err().0;
        assert_eq!((found.len(), &*found[0].key), (1, key), "{found:?}");
    }
    for (key, message) in
        [("server.listen", "must have at least one"), ("upstream.servers", "is required")]
    {
        let found = with(key, "[]").unwrap_err().to_string();
        assert!(found.starts_with(&format!("{key}: {message}")), "{found}");
    }
}

#[test]
fn links_have_names_in_languages_in_either_source() {
    let list = r#"[
        { name = { en = "Imprint", de = "Impressum" }, url = "https://example.com/imprint" },
        { name = "Privacy", url = "https://example.com/privacy" },
    ]"#;
    let in_file = parse(&format!("{LEAST}\n[branding]\nlinks = {list}")).unwrap();
    let set = environment(&[("PORTCULLIS__BRANDING__LINKS", list)]);
    let in_environment = Settings::parse(LEAST, Path::new("p.toml"), &set).unwrap();
    assert_eq!(in_file.branding, in_environment.branding);
    let shown = |language| {
        let links = in_file.branding.links.iter();
        links.map(|link| (link.name(language), &*link.url)).collect::<Vec<_>>()
    };
    let (imprint, privacy) = ("https://example.com/imprint", "https://example.com/privacy");
    assert_eq!(shown("en"), [("Imprint", imprint), ("Privacy", privacy)]);
    assert_eq!(shown("de"), [("Impressum", imprint), ("Privacy", privacy)]);
    assert!(parse(LEAST).unwrap().branding.links.is_empty());
}

#[test]
fn a_contact_can_have_a_text_of_its_own() {
    let with = |contact: &str| {
        let text = format!("{LEAST}\n[branding]\ncontact = {contact}");
        parse(&text).unwrap().branding.contact.unwrap()
    };
    let plain = with("\"help@example.com\"");
    assert_eq!((&*plain.href, &*plain.text), ("mailto:help@example.com", "help@example.com"));
    let named = with("{ address = \"+49 30 123\", text = \"IT help desk\" }");
    assert_eq!((&*named.href, &*named.text), ("tel:+4930123", "IT help desk"));
    assert_eq!(parse(LEAST).unwrap().branding.contact, None);
}

#[test]
fn an_unknown_key_is_a_problem_in_either_source() {
    let found = problems(&format!("{LEAST}\n[server.limits]\nheader_byte = 9000"));
    let message = "unknown setting; did you mean `server.limits.header_bytes`?";
    assert_eq!(found, [("server.limits.header_byte".to_owned(), message.to_owned())]);
    let set = environment(&[("PORTCULLIS__SERVER__LISTENN", "127.0.0.1:1")]);
    let found = Settings::parse(LEAST, Path::new("p.toml"), &set).unwrap_err();
    assert_eq!(found.0[0].key, "server.listenn");
}

#[test]
fn an_empty_table_is_checked_like_any_other() {
    for (lines, key, message) in [
        ("[sevrer]", "sevrer", "unknown section"),
        ("[foo.bar]", "foo.bar", "unknown section"),
        ("server.limits.foo = {}", "server.limits.foo", "unknown setting"),
        ("server.hosts = {}", "server.hosts", "must be a list of strings"),
        ("admin.socket = {}", "admin.socket", "must be a string"),
        ("server.tls = {}", "server.tls", "requires both"),
        ("[server.tls]\n# certificate = \"a\"", "server.tls", "requires both"),
    ] {
        let least = "server.public_url = \"https://portal.example.com\"\n\
                     upstream.servers = [\"http://127.0.0.1:9000\"]";
        let found = problems(&format!("{least}\n{lines}"));
        assert_eq!((found.len(), &*found[0].0), (1, key), "{found:?}");
        assert!(found[0].1.starts_with(message), "{found:?}");
    }
    // A section of which every line is left at its default.
    for section in ["[branding]", "[server.limits]", "[mail]\n[mail.smtp]", "[hashing]"] {
        assert!(parse(&format!("{LEAST}\n{section}")).is_ok(), "{section}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let set = environment(&[
        ("PORTCULLIS__SERVER__LISTEN", "127.0.0.1:1, 127.0.0.1:2"),
        ("PORTCULLIS__SERVER__HOSTS", r#"["one.example", '[::1]']"#),
        ("PORTCULLIS__SESSION__IDLE_TIMEOUT", "5m"),
        ("PORTCULLIS__SERVER__THREADS", "3"),
        ("PORTCULLIS__SERVER__TLS__CERTIFICATE", "c.pem"),
        ("PORTCULLIS__SERVER__TLS__KEY", "k.pem"),
        ("UNRELATED", "1"),
    ]);
    let settings = Settings::parse(LEAST, Path::new("p.toml"), &set).unwrap();
    assert_eq!(settings.server.listen.len(), 2);
    assert_eq!(settings.server.hosts.len(), 2);
    assert_eq!(settings.session.idle, Duration::from_secs(300));
    assert_eq!(settings.server.threads, 3);
    assert!(settings.server.tls.is_some());
}

#[test]
fn an_identity_header_needs_a_name_of_its_own() {
    let with = |names: &str| problems(&format!("{LEAST}\n[identity]\n{names}"));
    for taken in ["Cookie", "X_Forwarded_For", "Authorization", "X-Forwarded-Method"] {
        assert_eq!(with(&format!("user = \"{taken}\""))[0].0, "identity.user", "{taken}");
    }
    assert_eq!(with("group = \"Portcullis-User\"")[0].0, "identity.group");
    let remote = format!("{LEAST}\n[identity]\nuser = \"Remote-User\"");
    assert_eq!(parse(&remote).unwrap().identity.names.user, "remote-user");
}

#[test]
fn any_header_but_the_gateways_own_can_be_passed() {
    let with = |name: &str| {
        parse(&format!(
            "{LEAST}\npass_headers = [\"{name}\"]\n[identity]\nuser = \"X-Tenant-User\""
        ))
    };
    for good in ["X-Original-URL", "x_http_method_override", "X.Custom", "Remote-User", "X-Host"] {
        assert_eq!(with(good).unwrap().upstream.pass_headers.len(), 1, "{good}");
    }
    for bad in [
        "X-Forwarded-For",
        "X_Forwarded_Proto",
        "Portcullis-User",
        "portcullis_anything",
        "X_Tenant_User",
        "X-Tenant-User-Id",
        "Portcullis-Group",
        "Cookie",
        "Connection",
        "Content_Length",
    ] {
        let found = with(bad).unwrap_err().0;
        assert_eq!((found.len(), &*found[0].key), (1, "upstream.pass_headers"), "{bad}");
        assert!(found[0].message.contains("set by the gateway"), "{found:?}");
    }
}

#[test]
fn refused_parameters_have_a_default_and_can_be_replaced() {
    let with = |list: &str| parse(&format!("{LEAST}\nrefuse_query = {list}"));
    assert_eq!(
        parse(LEAST).unwrap().upstream.refuse_query,
        ["_method", "_httpmethod", "x-http-method-override"]
    );
    assert_eq!(with("[\"do\"]").unwrap().upstream.refuse_query, ["do"]);
    assert!(with("[]").unwrap().upstream.refuse_query.is_empty());
    assert_eq!(with("[\" \"]").unwrap_err().0[0].key, "upstream.refuse_query");
}

#[test]
fn forwarded_headers_are_of_one_kind() {
    let with = |word: &str| {
        parse(&LEAST.replace("[server]", &format!("[server]\nforwarded_header = \"{word}\"")))
    };
    let read = |text: &str| parse(text).unwrap().server.forwarded_header;
    assert_eq!(read(LEAST), ForwardedHeader::XForwarded);
    assert_eq!(with("forwarded").unwrap().server.forwarded_header, ForwardedHeader::Forwarded);
    assert_eq!(with("both").unwrap_err().0[0].key, "server.forwarded_header");
}

#[test]
fn an_identity_header_cannot_use_a_name_of_http() {
    let with = |name: &str| parse(&format!("{LEAST}\n[identity]\nuser = \"{name}\""));
    for bad in [
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "x_forwarded_for",
        "Forwarded",
        "Via",
        "X-Real-IP",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Transfer_Encoding",
        "Trailer",
        "HTTP2-Settings",
        "Authorization",
    ] {
        let found = with(bad).unwrap_err().0;
        assert_eq!((found.len(), &*found[0].key), (1, "identity.user"), "{bad}: {found:?}");
    }
    for good in ["Remote-User", "X-User", "X-Forwarded-User", "Host-User", "Proxy-User"] {
        assert!(with(good).is_ok(), "{good}");
    }
    // Read without regard to dashes they would be one.
    let found = problems(&format!("{LEAST}\n[identity]\nuser = \"X-Who\"\ngroup = \"X_Who\""));
    assert_eq!(found[0].0, "identity.group");
}

#[test]
fn an_invalid_number_is_reported_with_its_range() {
    for (key, given, message) in [
        ("threads", "1.5", "`1.5` is not a whole number from 1 to 1024"),
        ("threads", "1.0", "`1.0` is not a whole number from 1 to 1024"),
        ("threads", "true", "`true` is not a whole number from 1 to 1024"),
        ("threads", "[1]", "must be a whole number from 1 to 1024"),
        ("threads", "{}", "must be a whole number from 1 to 1024"),
    ] {
        let found = problems(&LEAST.replace("[server]", &format!("[server]\n{key} = {given}")));
        assert_eq!(found, [(format!("server.{key}"), message.to_owned())]);
    }
    assert_eq!(
        parse(&LEAST.replace("[server]", "[server]\nthreads = 3")).unwrap().server.threads,
        3
    );
}

#[test]
fn references_are_present_if_their_own_keys_are_valid() {
    let read =
        |text: &str| Loaded::parse(text, Path::new("portcullis.toml"), &HashMap::new()).unwrap();
    let text = "server.public_url = \"nowhere\"\nserver.tls = { certificate = \"c\", key = \"k\" }\n\
                policy.directory = \"here\"\nbranding.name = \"Acme\"\nmail.templates = \"t\"";
    let Loaded { settings, references, .. } = read(text);
    assert_eq!(settings.unwrap_err().0.len(), 2);
    assert_eq!(references.policy.as_deref(), Some(Path::new("here")));
    assert_eq!(
        references.certificates.iter().map(|tls| &*tls.certificate).collect::<Vec<_>>(),
        [Path::new("c")]
    );
    assert_eq!(references.branding.map(|branding| branding.name).as_deref(), Some("Acme"));
    assert_eq!(references.templates.as_deref(), Some(Path::new("t")));
    // What is wrong itself is not replaced by a default.
    let Loaded { references, .. } = read(
        "server.tls.key = \"k\"\npolicy.directory = \"\"\nbranding.accent = \"red\"\n\
         mail.templates = \"\"",
    );
    assert!(
        references.policy.is_none()
            && references.certificates.is_empty()
            && references.branding.is_none()
    );
    assert!(references.templates.is_none());
}

#[test]
fn a_syntax_error_has_a_line_but_no_content() {
    let found = problems("[server]\npublic_url = \"https://portal.example.com\nsecret = 'hunter2'");
    assert_eq!(found[0].0, "portcullis.toml");
    assert!(found[0].1.contains("line 2"), "{found:?}");
    assert!(!found[0].1.contains("hunter2"), "{found:?}");
}

#[test]
fn a_public_url_is_an_origin() {
    for (text, expected) in [
        ("https://Portal.Example.com", "https://portal.example.com"),
        ("http://localhost:8080/", "http://localhost:8080"),
    ] {
        assert_eq!(text.parse::<PublicUrl>().unwrap().as_str(), expected);
    }
    for more in ["/path", "?x", "#x", ":8080?x", ":8080/?x"] {
        let wrong = format!("http://localhost{more}").parse::<PublicUrl>().unwrap_err();
        assert!(wrong.starts_with("must not have a path or query"), "{more}: {wrong}");
    }
    for text in ["ftp://portal", "https://portal/path", "https://u@portal", "https://", "portal"] {
        assert!(text.parse::<PublicUrl>().is_err(), "{text}");
    }
}

#[test]
fn a_host_without_a_port_uses_that_of_the_public_url() {
    for (public, host, named) in [
        ("http://localhost:9090", "127.0.0.1", "127.0.0.1:9090"),
        ("http://localhost:9090", "[::1]:80", "[::1]"),
        ("https://portal.example", "other.example", "other.example"),
        ("https://portal.example:443", "other.example:8443", "other.example:8443"),
    ] {
        let public: PublicUrl = public.parse().unwrap();
        assert_eq!(public.named(&host.parse().unwrap()).to_string(), named, "{public:?}");
    }
}

#[test]
fn an_origin_is_compared_by_scheme_name_and_port() {
    let public: PublicUrl = "http://localhost:9090".parse().unwrap();
    let ours = public.named(&"127.0.0.1".parse().unwrap());
    assert_eq!(public.host_of("http://127.0.0.1:9090"), Some(ours.clone()));
    for other in [
        "https://127.0.0.1:9090",
        "http://127.0.0.1",
        "http://127.0.0.1:80",
        "http://localhost:9090",
        "http://127.0.0.1:9090/",
        "null",
    ] {
        assert_ne!(public.host_of(other), Some(ours.clone()), "{other}");
    }
}

fn with_mail(text: &str) -> Result<Settings, Problems> {
    parse(&format!("{LEAST}\n[mail]\n{text}"))
}

fn mail_problems(text: &str) -> Vec<(String, String)> {
    problems(&format!("{LEAST}\n[mail]\n{text}"))
}

fn smtp(text: &str) -> Smtp {
    let settings = with_mail(&format!("transport = \"smtp\"\n[mail.smtp]\n{text}")).unwrap();
    match settings.mail.transport {
        MailTransport::Smtp(smtp) => smtp,
        MailTransport::Directory(_) => panic!("`smtp` was chosen"),
    }
}

#[test]
fn mail_goes_to_a_folder_by_default() {
    let mail = parse(LEAST).unwrap().mail;
    assert!(matches!(mail.transport, MailTransport::Directory(path) if path == Path::new("mail")));
    let smtp = smtp("host = \"mail.example.com\"");
    assert_eq!(
        (&*smtp.host, smtp.security, smtp.port),
        ("mail.example.com", Security::Starttls, 587)
    );
    assert!(smtp.credentials.is_none() && smtp.ca_file.is_none());
    assert_eq!(smtp.timeout, Duration::from_secs(300));
}

#[test]
fn the_default_smtp_port_depends_on_the_security() {
    assert_eq!(smtp("host = \"m\"\nsecurity = \"tls\"").port, 465);
    assert_eq!(smtp("host = \"::1\"\nsecurity = \"none\"").port, 25);
    assert_eq!(smtp("host = \"m\"\nport = 2525").port, 2525);
}

#[test]
fn smtp_without_tls_is_for_loopback_only() {
    let smtp = |host: &str| {
        with_mail(&format!(
            "transport = \"smtp\"\nsmtp = {{ host = {host:?}, security = \"none\" }}"
        ))
    };
    for host in ["localhost", "127.0.0.1", "::1"] {
        assert!(smtp(host).is_ok(), "{host}");
    }
    for host in ["mail.example.com", "192.0.2.1", "localhost.example.com", "127.0.0.1.example.com"]
    {
        assert_eq!(smtp(host).unwrap_err().0[0].key, "mail.smtp.security", "{host}");
    }
}

#[test]
fn a_sender_is_a_mailbox() {
    for good in ["portal@example.com", "Example IT <portal@example.com>"] {
        assert!(with_mail(&format!("from = {good:?}")).is_ok(), "{good}");
    }
    for bad in ["portal", "Example IT", "a@b\\r\\nBcc: x@example.com", ""] {
        let found = mail_problems(&format!("from = \"{bad}\""));
        assert_eq!(found[0].0, "mail.from", "{bad}");
    }
}

#[test]
fn smtp_requires_a_host_and_complete_credentials() {
    assert_eq!(mail_problems("transport = \"smtp\"")[0].0, "mail.smtp.host");
    let half = "transport = \"smtp\"\nsmtp = { host = \"m\", username = \"u\" }";
    assert_eq!(mail_problems(half)[0].0, "mail.smtp");
    assert_eq!(mail_problems("transport = \"pigeon\"")[0].0, "mail.transport");
}

#[test]
fn a_secret_is_a_value_or_a_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2 \n").unwrap();
    let with = |text: &str| format!("host = \"m\"\nusername = \"u\"\n{text}");
    let password = |smtp: Smtp| smtp.credentials.unwrap().1.expose().clone();
    assert_eq!(password(smtp(&with("password = \"hunter2\""))), "hunter2");
    let from_file = format!("password_file = {:?}", file.display().to_string());
    assert_eq!(password(smtp(&with(&from_file))), "hunter2 ");
    let shown = format!("{:?}", smtp(&with("password = \"hunter2\"")));
    assert!(!shown.contains("hunter2"), "{shown}");

    for (wrong, key) in [
        (format!("password = \"hunter2\"\n{from_file}"), "mail.smtp.password"),
        ("password = [\"hunter2\"]".to_owned(), "mail.smtp.password"),
        ("password = \"\"".to_owned(), "mail.smtp.password"),
        ("password_file = \"/nowhere/hunter\"".to_owned(), "mail.smtp.password_file"),
    ] {
        let found = mail_problems(&format!("transport = \"smtp\"\n[mail.smtp]\n{}", with(&wrong)));
        assert_eq!(found[0].0, key, "{found:?}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
}

#[test]
fn smtp_can_be_configured_by_the_environment() {
    let set = environment(&[
        ("PORTCULLIS__MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS__MAIL__SMTP__HOST", "mail.example.com"),
        ("PORTCULLIS__MAIL__SMTP__USERNAME", "portal"),
        ("PORTCULLIS__MAIL__SMTP__PASSWORD", "007"),
    ]);
    let mail = Settings::parse(LEAST, Path::new("p.toml"), &set).unwrap().mail;
    let MailTransport::Smtp(smtp) = mail.transport else { panic!("smtp was chosen") };
    assert_eq!(smtp.host, "mail.example.com");
    assert_eq!(smtp.credentials.unwrap().1.expose(), "007");
}
