//! The message for each kind of wrong value: what is wrong, and what is expected.

use super::*;

/// A line added to valid settings, and the problem that it causes.
const MESSAGES: &[(&str, &str)] = &[
    // Addresses, URLs and hosts
    (
        "server.listen = [\"localhost:8080\"]",
        "server.listen: `localhost:8080` must have an IP address, not a name; write `127.0.0.1:8080`",
    ),
    (
        "server.listen = [\":443\"]",
        "server.listen: `:443` has no address; for this machine only, write `127.0.0.1:443`; for \
         every interface, `0.0.0.0:443` (or `[::]:443`)",
    ),
    (
        "server.listen = [\"*:443\"]",
        "server.listen: `*:443` has no address; for this machine only, write `127.0.0.1:443`; for \
         every interface, `0.0.0.0:443` (or `[::]:443`)",
    ),
    (
        "admin.listen = \"8081\"",
        "admin.listen: `8081` has no address; for this machine only, write `127.0.0.1:8081`; for \
         every interface, `0.0.0.0:8081` (or `[::]:8081`)",
    ),
    (
        "server.listen = [\"portal.example.com:443\"]",
        "server.listen: `portal.example.com:443` must have an IP address of this machine, not a \
         name; for this machine only, write `127.0.0.1:443`; for every interface, `0.0.0.0:443` (or \
         `[::]:443`)",
    ),
    (
        "server.listen = [\"https://0.0.0.0:443\"]",
        "server.listen: `https://0.0.0.0:443` must not have a scheme; write `0.0.0.0:443` with an IP \
         address (TLS is set by `server.tls`)",
    ),
    ("server.listen = [\"0.0.0.0\"]", "server.listen: `0.0.0.0` has no port; write `0.0.0.0:8080`"),
    ("server.listen = [\"[::]\"]", "server.listen: `[::]` has no port; write `[::]:8080`"),
    (
        "server.listen = [\"2001:db8::7\"]",
        "server.listen: `2001:db8::7` has no port; write `[2001:db8::7]:8080`",
    ),
    (
        "server.listen = [\"::1:8080\"]",
        "server.listen: `::1:8080` needs brackets around the IPv6 address; write `[::1]:8080`",
    ),
    (
        "server.listen = [\"127.0.0.1:99999\"]",
        "server.listen: `127.0.0.1:99999` must have a port from 1 to 65535 after the address",
    ),
    (
        "server.listen = [\"everywhere\"]",
        "server.listen: `everywhere` is not an IP address with a port (e.g. `127.0.0.1:8080` or \
         `[::1]:8080`)",
    ),
    (
        "server.redirect_listen = [\"80\"]",
        "server.redirect_listen: `80` has no address; for this machine only, write `127.0.0.1:80`; \
         for every interface, `0.0.0.0:80` (or `[::]:80`)",
    ),
    (
        "server = { public_url = \"http://portal.example.com\", redirect_listen = [\"[::]:80\"] }",
        "server.redirect_listen: redirects to https, and `server.public_url` is http; write its \
         https URL",
    ),
    ("server.listen = []", "server.listen: must have at least one address (e.g. `127.0.0.1:8080`)"),
    (
        "server.public_url = \"portal.example.com\"",
        "server.public_url: `portal.example.com` must begin with `https://` or `http://`; write \
         `https://portal.example.com`",
    ),
    (
        "server.public_url = \"ftp://portal.example.com\"",
        "server.public_url: `ftp://portal.example.com` must begin with `https://` or `http://`",
    ),
    (
        "server.public_url = \"https://portal.example.com/app\"",
        "server.public_url: `https://portal.example.com/app` must not have a path or query: the \
         gateway serves the whole host; write `https://portal.example.com`",
    ),
    (
        "server.hosts = [\"https://portal.example.net/\"]",
        "server.hosts: `https://portal.example.net/` must be a host without a scheme; write \
         `portal.example.net`",
    ),
    (
        "server.hosts = [\"portal.example.net/app\"]",
        "server.hosts: `portal.example.net/app` must be a host without a path; write \
         `portal.example.net`",
    ),
    (
        "forward_auth.grpc_listen = \"127.0.0.1:8082\"",
        "forward_auth.grpc_listen: requires `forward_auth.enabled = true`",
    ),
    (
        "forward_auth.grpc_proxy_protocol = [\"10.0.0.0/8\"]",
        "forward_auth.grpc_proxy_protocol: requires `forward_auth.grpc_listen`",
    ),
    (
        "admin.proxy_protocol = [\"10.0.0.7/8\"]",
        "admin.proxy_protocol: `10.0.0.7/8` is not the first address of a network; write \
         `10.0.0.0/8` for the whole network, or `10.0.0.7` for the one address",
    ),
    (
        "forward_auth = { enabled = true, grpc_listen = \"127.0.0.1:8082\" }",
        "forward_auth.enabled: requires `server.trusted_proxies`: the networks of the proxies that \
         ask (e.g. `127.0.0.0/8`)",
    ),
    (
        "server.trusted_proxies = [\"proxy.example.com\"]",
        "server.trusted_proxies: `proxy.example.com` is a name; write the proxy's IP address, or its \
         network (e.g. `10.0.0.0/8`)",
    ),
    (
        "server.trusted_proxies = [\"http://proxy.example.com\"]",
        "server.trusted_proxies: `http://proxy.example.com` is a name; write the proxy's IP address, \
         or its network (e.g. `10.0.0.0/8`)",
    ),
    (
        "server.trusted_proxies = [\"unix:/run/gateway.sock\"]",
        "server.trusted_proxies: `unix:/run/gateway.sock` must be `unix:` without a path, for the \
         Unix sockets of `server.listen`",
    ),
    (
        "server.listen = [\"unix:run/gateway.sock\"]",
        "server.listen: `unix:run/gateway.sock` must have the whole path of a socket (e.g. \
         `unix:/run/portal.sock`)",
    ),
    (
        "server.redirect_listen = [\"unix:/run/redirect.sock\"]",
        "server.redirect_listen: `unix:/run/redirect.sock` must be an IP address with a port: only \
         `server.listen` takes Unix sockets",
    ),
    (
        "admin.proxy_protocol = [\"unix:\"]",
        "admin.proxy_protocol: `unix:` is not a network (e.g. `10.0.0.0/8`) or an IP address",
    ),
    (
        "server.trusted_proxies = [\"10.0.0.7:443\"]",
        "server.trusted_proxies: `10.0.0.7:443` must not have a port; write `10.0.0.7`",
    ),
    (
        "server.trusted_proxies = [\"[::1]\"]",
        "server.trusted_proxies: `[::1]` must not have brackets; write `::1`",
    ),
    (
        "server.trusted_proxies = [\"10.0.0.7/8\"]",
        "server.trusted_proxies: `10.0.0.7/8` is not the first address of a network; write \
         `10.0.0.0/8` for the whole network, or `10.0.0.7` for the one address",
    ),
    (
        "server.trusted_proxies = [\"10.0.0.0/33\"]",
        "server.trusted_proxies: `10.0.0.0/33` is not a network (e.g. `10.0.0.0/8`) or an IP address",
    ),
    (
        "server.trusted_proxies = [\"10.0.0.*\"]",
        "server.trusted_proxies: `10.0.0.*` is not a network (e.g. `10.0.0.0/8`) or an IP address",
    ),
    (
        "upstream.servers = [\"ftp://10.0.0.1\"]",
        "upstream.servers: `ftp://10.0.0.1` must begin with `http://`, `https://` or `unix:`",
    ),
    (
        "upstream.servers = [\"unix:run/portal.sock\"]",
        "upstream.servers: `unix:run/portal.sock` must have the whole path of a socket (e.g. \
         `unix:/run/portal.sock`)",
    ),
    (
        "upstream.servers = [\"unix:///run/portal.sock\"]",
        "upstream.servers: `unix:///run/portal.sock` must have one slash after `unix:`; write \
         `unix:/run/portal.sock`",
    ),
    (
        "upstream.servers = [\"http://10.0.0.1 weight=0\"]",
        "upstream.servers: `http://10.0.0.1 weight=0` must have a weight from 1 to 100 (e.g. \
         `http://127.0.0.1:9000 weight=2`)",
    ),
    (
        "upstream.health_path = \"health\"",
        "upstream.health_path: `health` is not a path (e.g. `/health`)",
    ),
    (
        "upstream.health_path = \"/\"\nupstream.health_status = [\"20x\"]",
        "upstream.health_status: `20x` is not a status (e.g. `200`) or a class of them (e.g. `2xx`)",
    ),
    (
        "upstream.health_path = \"/\"\nupstream.health_status = []",
        "upstream.health_status: must have at least one status (e.g. `200` or `2xx`)",
    ),
    (
        "upstream.health_failures = 0",
        "upstream.health_failures: `0` is not a whole number from 1 to 100",
    ),
    (
        "upstream.tls.ca = \"portal-ca.pem\"",
        "upstream.tls: has no effect: no server in `upstream` begins with `https://`",
    ),
    (
        "upstream.servers = [\"https://10.0.0.1\"]\nupstream.tls.certificate = \"gateway.crt\"",
        "upstream.tls: requires `certificate` and `key`, or neither",
    ),
    (
        "upstream.servers = [\"https://10.0.0.1\"]\nupstream.tls.name = \"a b\"",
        "upstream.tls.name: `a b` is not the name of a host (e.g. `portal.example`) or an IP address",
    ),
    (
        "upstream.servers = [\"https://10.0.0.1\"]\nupstream.tls.verify = false",
        "upstream.tls.verify: unknown setting; `upstream.tls` has `ca`, `certificate`, `key`, `name`",
    ),
    (
        "upstream.servers = [\"10.0.0.1:9000\"]",
        "upstream.servers: `10.0.0.1:9000` must begin with `http://`, `https://` or `unix:`; write \
         `http://10.0.0.1:9000`",
    ),
    (
        "upstream.servers = [\"http://ann:hunter2@10.0.0.1\"]",
        "upstream.servers: `http://…@10.0.0.1` must not have a user name; for HTTP Basic \
         authentication, set `identity.basic`",
    ),
    (
        "upstream.servers = [\"http://10.0.0.1:99999\"]",
        "upstream.servers: `http://10.0.0.1:99999` must have a port from 1 to 65535",
    ),
    (
        "upstream.servers = [\"http://10.0.0.1/portal\"]",
        "upstream.servers: `http://10.0.0.1/portal` must not have a path or query, because \
         requests keep their own; write `http://10.0.0.1`",
    ),
    (
        "upstream.servers = []",
        "upstream.servers: is required: at least one server of the portal (e.g. \
         `http://127.0.0.1:9000`)",
    ),
    (
        "server.hsts = true",
        "server.hsts: `true` is not a known value, expected one of `off`, `host`, `subdomains`",
    ),
    (
        "branding.contact = \"the help desk\"",
        "branding.contact: `the help desk` is not an email address, a phone number or the URL of a \
         page (e.g. `help@example.com`, `+49 30 123456` or `https://www.example.com/help`)",
    ),
    (
        "branding.contact = { text = \"IT help desk\" }",
        "branding.contact.address: is required: an email address, a phone number or the URL of a \
         page (e.g. `help@example.com`, `+49 30 123456` or `https://www.example.com/help`)",
    ),
    (
        "branding.links = \"https://example.com\"",
        "branding.links: must be a list of tables; write `[{ name = \"Privacy\", url = \
         \"https://www.example.com/privacy\" }]`",
    ),
    (
        "branding.links = [\"https://example.com\"]",
        "branding.links[0]: must be a table; write `{ name = \"Privacy\", url = \
         \"https://www.example.com/privacy\" }`",
    ),
    (
        "branding.links = [{ url = \"https://example.com\" }]",
        "branding.links[0].name: is required: a text, or one for each language (e.g. `{ en = \
         \"Imprint\", de = \"Impressum\" }`)",
    ),
    (
        "branding.links = [{ name = \"Privacy\" }]",
        "branding.links[0].url: is required (e.g. `https://www.example.com/privacy`)",
    ),
    (
        "branding.links = [{ name = \"Privacy\", url = \"/privacy\" }]",
        "branding.links[0].url: `/privacy` is a path; write the URL (e.g. \
         `https://www.example.com/privacy`)",
    ),
    (
        "branding.links = [{ name = \"Privacy\", url = \"privacy\" }]",
        "branding.links[0].url: `privacy` is not a URL of a page (e.g. \
         `https://www.example.com/privacy`)",
    ),
    (
        "branding.links = [{ nme = \"Privacy\", name = \"Privacy\", url = \"https://example.com\" }]",
        "branding.links[0].nme: unknown setting; did you mean `branding.links[0].name`?",
    ),
    // Numbers, durations and words
    ("server.threads = 0", "server.threads: `0` is not a whole number from 1 to 1024"),
    ("server.backlog = 70000", "server.backlog: `70000` is not a whole number from 1 to 65535"),
    ("hashing.passes = -1", "hashing.passes: `-1` is not a whole number from 1 to 20"),
    ("hashing.passes = \"two\"", "hashing.passes: `two` is not a whole number from 1 to 20"),
    ("hashing.passes = [2]", "hashing.passes: must be a whole number from 1 to 20"),
    (
        "session.idle_timeout = 30",
        "session.idle_timeout: `30` is not a duration (e.g. `30m` or `500ms`)",
    ),
    ("session.idle_timeout = \"0s\"", "session.idle_timeout: must be longer than zero"),
    ("session.idle_timeout = []", "session.idle_timeout: must be a string"),
    (
        "policy.mode = \"lenient\"",
        "policy.mode: `lenient` is not a known value, expected `enforce`",
    ),
    ("store.kind = \"redis\"", "store.kind: `redis` is not a known value, expected `sled`"),
    (
        "mail.smtp.security = \"ssl\"",
        "mail.smtp.security: `ssl` is not a known value, expected one of `starttls`, `tls`, `none`",
    ),
    (
        "upstream.reuse_after_body = \"yes\"",
        "upstream.reuse_after_body: `yes` is not a known value, expected one of `true`, `false`",
    ),
    (
        "telemetry.log = \"a=b=c\"",
        "telemetry.log: `a=b=c` is not a log filter (e.g. `info` or `warn,hyper=error`)",
    ),
    (
        "telemetry.traces.endpoint = \"ftp://otel.example/v1/traces\"",
        "telemetry.traces.endpoint: `ftp://otel.example/v1/traces` is not an http or https URL with a path \
         (e.g. `http://127.0.0.1:4318/v1/traces`)",
    ),
    (
        "telemetry.decisions_output = \"stderr\"",
        "telemetry.decisions_output: `stderr` is not `stdout`, `journald` or the path of a file, which \
         contains a `/`",
    ),
    (
        "telemetry.decisions_format = \"xml\"",
        "telemetry.decisions_format: `xml` is not a known value, expected one of `json`, `logfmt`, `plain`",
    ),
    (
        "telemetry.log = \"loud\"",
        "telemetry.log: `loud` is not a log filter (e.g. `info` or `warn,hyper=error`)",
    ),
    // Names
    (
        "identity.user = \"Remote User\"",
        "identity.user: `Remote User` is not the name of a header (e.g. `Remote-User`)",
    ),
    (
        "identity.user = \"Authorization\"",
        "identity.user: `authorization` has another meaning in HTTP; use another name",
    ),
    (
        "identity.user = \"Portcullis-Group\"",
        "identity.group: `portcullis-group` is the name of another identity header already",
    ),
    (
        "identity.email = \"X Mail\"",
        "identity.email: `X Mail` is neither `true`, `false` nor the name of a header (e.g. \
         `Remote-Email`)",
    ),
    (
        "identity.email = \"Portcullis_User\"",
        "identity.email: `portcullis_user` is the name of another identity header already",
    ),
    (
        "identity.encoding.user = \"utf8\"",
        "identity.encoding.user: `utf8` is not a known value, expected one of `utf-8`, `latin-1`, \
         `rfc8187`, `base64`",
    ),
    (
        "identity.encoding.email = \"base64\"",
        "identity.encoding.email: has no effect: `identity.email` is not set",
    ),
    ("upstream.others = 5", "upstream.others: must be a table"),
    (
        "upstream.others.reports = []",
        "upstream.others.reports: must have at least one server (e.g. `http://127.0.0.1:9100`)",
    ),
    (
        "upstream.others.reports = [\"ftp://10.0.0.1\"]",
        "upstream.others.reports: `ftp://10.0.0.1` must begin with `http://`, `https://` or `unix:`",
    ),
    (
        "upstream.others.\"a b\" = [\"http://10.0.0.1\"]",
        "upstream.others.a b: is not a name; use lower case letters, digits, `-` and `_`",
    ),
    ("identity.static = 5", "identity.static: must be a table"),
    (
        "identity.static.port.value = \"443\"",
        "identity.static.port.header: is required: the name of the header",
    ),
    (
        "identity.static.port.header = \"X-Forwarded-Port\"",
        "identity.static.port.value: is required, or `identity.static.port.value_file`",
    ),
    (
        "identity.static.port.text = \"443\"",
        "identity.static.port.text: unknown setting; `identity.static.port` has `header`, `value`, \
         `value_file`",
    ),
    (
        "identity.static.a = { header = \"Cookie\", value = \"x\" }",
        "identity.static.a.header: `cookie` is set by the gateway or describes the request; use \
         another name",
    ),
    (
        "identity.static.a = { header = \"Portcullis_User\", value = \"x\" }",
        "identity.static.a.header: `portcullis_user` is set by the gateway or describes the request; \
         use another name",
    ),
    (
        "identity = { user = \"X-Who\", static.a = { header = \"X_Who\", value = \"x\" } }",
        "identity.static.a.header: `x_who` is the name of an identity header already",
    ),
    (
        "identity.static = { a = { header = \"X-A\", value = \"x\" }, b = { header = \"x_a\", value = \"y\" } }",
        "identity.static.b.header: `x_a` is the name of another static header already",
    ),
    (
        "identity.static.a = { header = \"X-A\", value = \"hunter2\\n\" }",
        "identity.static.a.value: must not have control characters, or spaces at its ends",
    ),
    ("identity.basic.password = \"x\"", "identity.basic.user: is required (e.g. `{login}`)"),
    (
        "identity.basic.user = \"{login}\"",
        "identity.basic.password: is required, or `identity.basic.password_file`",
    ),
    (
        "identity.basic.user = \"it-{logn}\"",
        "identity.basic.user: `it-{logn}` has an unknown placeholder at character 4; the \
         placeholders are `{login}`, `{email}`, `{name}`, `{user}`, `{end_user}`, `{group}`, \
         `{organization}`, and `{{` and `}}` are single braces",
    ),
    (
        "identity.basic.user = \"{organization}-{login}\"",
        "identity.basic.user: must have one placeholder only: with two, different people could get \
         the same name",
    ),
    (
        "identity.basic.user = \"it:{login}\"",
        "identity.basic.user: must not have colons or control characters",
    ),
    (
        "identity.basic = { user = \"{login}\", password = \"hunter2{\" }",
        "identity.basic.password: has an open brace at character 8; the placeholders are `{login}`, \
         `{email}`, `{name}`, `{user}`, `{end_user}`, `{group}`, `{organization}`, and `{{` and \
         `}}` are single braces",
    ),
    (
        "identity = { basic = { user = \"a\", password = \"b\" }, email = true }\n\
         upstream.pass_headers = [\"Authorization\"]",
        "upstream.pass_headers: `authorization` is set by the gateway and cannot be forwarded",
    ),
    (
        "identity.static.a = { header = \"X-A\", value = \"x\" }\n\
         upstream.pass_headers = [\"x.a\"]",
        "upstream.pass_headers: `x.a` is set by the gateway and cannot be forwarded",
    ),
    (
        "upstream.remove_headers = [\"X Do\"]",
        "upstream.remove_headers: `X Do` is not the name of a header (e.g. `Remote-User`)",
    ),
    (
        "upstream.pass_headers = [\"X-Forwarded-For\"]",
        "upstream.pass_headers: `x-forwarded-for` is set by the gateway and cannot be forwarded",
    ),
    ("upstream.refuse_query = [\"\"]", "upstream.refuse_query: must not contain an empty name"),
    (
        "session.portal_cookies = [\"a=b\"]",
        "session.portal_cookies: `a=b` is not a cookie name (e.g. `PHPSESSID`) or a prefix of names \
         (e.g. `wordpress_*`)",
    ),
    ("branding.accent = \"blue\"", "branding.accent: `blue` is not a colour (e.g. `#0f5499`)"),
    (
        "branding.name = \" \"",
        "branding.name: must not be empty: it is the name that the pages show",
    ),
    (
        "mail.from = \"Example IT\"",
        "mail.from: `Example IT` is not a mailbox (e.g. `portal@example.com` or `Name \
         <portal@example.com>`)",
    ),
    // Paths and secrets
    ("store.path = 5", "store.path: must be a string"),
    ("policy.directory = true", "policy.directory: must be a string"),
    ("branding.name = 5", "branding.name: must be a string"),
    ("mail.smtp = { username = \"u\", password = 5 }", "mail.smtp.password: must be a string"),
    ("store.path = \"\"", "store.path: must not be empty: a path is required"),
    ("mail.smtp = { username = \"u\", password = \"\" }", "mail.smtp.password: must not be empty"),
    (
        "mail.smtp = { username = \"u\", password = \"p\", password_file = \"f\" }",
        "mail.smtp.password: conflicts with `mail.smtp.password_file`; set one of the two",
    ),
    // Types
    ("server.hosts = 1", "server.hosts: must be a list of strings"),
    ("server.hosts = [1]", "server.hosts[0]: must be a string"),
    ("policy.directory = [\"policies\"]", "policy.directory: must be a string"),
    // Settings that contradict each other
    (
        "session.idle_timeout = \"13h\"",
        "session.idle_timeout: must not be longer than `session.absolute_timeout`",
    ),
    (
        "session.staff_idle_timeout = \"25h\"",
        "session.staff_idle_timeout: must not be longer than `session.staff_absolute_timeout`",
    ),
    (
        "server.limits = { header_bytes = 8192, target_bytes = 9000 }",
        "server.limits.target_bytes: must not be greater than `server.limits.header_bytes`",
    ),
    ("backup.every = \"59s\"", "backup.every: must be at least one minute"),
    ("backup.keep = 0", "backup.keep: `0` is not a whole number from 1 to 10000"),
    (
        "backup.directory = \"data/copies\"",
        "backup.directory: must not be in the folder of the store (`store.path`)",
    ),
    (
        "store.max_staleness = \"10ms\"",
        "store.max_staleness: must be at least 1s, the interval of checking the store",
    ),
    (
        "passwords.reset_lifetime = \"2years\"",
        "passwords.reset_lifetime: must not be longer than `365days`",
    ),
    ("server.tls.key = \"k\"", "server.tls: requires both `certificate` and `key`"),
    (
        "server.tls = { certificate = \"c\", key = \"k\" }\nserver.certificates = [{ key = \"l\" }]",
        "server.certificates[0]: requires both `certificate` and `key`",
    ),
    (
        "server.tls = { certificate = \"c\", key = \"k\" }\nserver.certificates = [{}]",
        "server.certificates[0]: requires both `certificate` and `key`",
    ),
    (
        "server.certificates = [{ certificate = \"c\", key = \"k\" }]",
        "server.certificates: requires `server.tls`, the certificate for clients that name no host of \
         another one",
    ),
    (
        "mail.transport = \"smtp\"",
        "mail.smtp.host: is required: the name of the mail server (e.g. `mail.example.com`)",
    ),
    (
        "mail.smtp.username = \"u\"",
        "mail.smtp: requires both `username` and `password` (or `password_file`), or neither",
    ),
    (
        "mail.smtp = { host = \"mail.example.com\", security = \"none\" }",
        "mail.smtp.security: must not be `none` for a server on another machine, because mail and \
         password would be sent unencrypted; use `starttls` or `tls`",
    ),
    // Unknown keys
    ("server.listn = 1", "server.listn: unknown setting; did you mean `server.listen`?"),
    (
        "policy.path = \"policies\"",
        "policy.path: unknown setting; `policy` has `directory`, `mode`",
    ),
    (
        "store.path.folder = \"x\"",
        "store.path.folder: unknown setting; `store.path` is not a section",
    ),
    ("server = 1", "server: is a section, not a setting; set the keys in it"),
];

/// The valid settings, without the key that the line sets.
fn with(line: &str) -> String {
    let mut lines = vec![line];
    for required in [
        "server.public_url = \"https://portal.example.com\"",
        "upstream.servers = [\"http://127.0.0.1:9000\"]",
    ] {
        let key = required.split(' ').next().unwrap();
        let replaced =
            line.starts_with(key) || line.starts_with("server = ") && key.starts_with("server.");
        if !replaced {
            lines.push(required);
        }
    }
    lines.join("\n")
}

#[test]
fn each_kind_of_wrong_value_has_its_message() {
    for (line, expected) in MESSAGES {
        let found = parse(&with(line)).unwrap_err().to_string();
        let found: Vec<_> = found.lines().collect();
        assert!(found.contains(expected), "{line}\nexpected: {expected}\nfound:    {found:#?}");
    }
}

#[test]
fn a_wrong_value_causes_no_other_message() {
    for (lines, expected) in [
        (
            "mail.smtp = { username = \"u\", password_file = \"/nonexistent/p\" }",
            "mail.smtp.password_file: `/nonexistent/p` cannot be read: No such file or directory (os \
             error 2)",
        ),
        (
            "session = { idle_timeout = \"30\", absolute_timeout = \"10m\" }",
            "session.idle_timeout: `30` is not a duration (e.g. `30m` or `500ms`)",
        ),
        (
            "session = { idle_timeout = \"13h\", absolute_timeout = \"1 day?\" }",
            "session.absolute_timeout: `1 day?` is not a duration (e.g. `30m` or `500ms`)",
        ),
        (
            "server.limits = { header_bytes = 1, target_bytes = 60000 }",
            "server.limits.header_bytes: `1` is not a whole number from 8192 to 1048576",
        ),
        (
            "server.tls = { certificate = 5, key = \"k\" }",
            "server.tls.certificate: must be a string",
        ),
    ] {
        let found = parse(&with(lines)).unwrap_err().to_string();
        assert_eq!(found, expected, "{lines}");
    }
}

#[test]
fn a_file_is_refused_where_a_folder_is_required() {
    for (key, file) in
        [("store.path", "data"), ("mail.directory", "mail"), ("backup.directory", "copies")]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        let line = format!("{key} = {path:?}");
        assert!(parse(&with(&line)).is_ok(), "{key}: it is created at the start");
        std::fs::write(&path, "").unwrap();
        let found = parse(&with(&line)).unwrap_err().to_string();
        let expected = format!("{key}: `{}` is a file; a folder is required", path.display());
        assert_eq!(found, expected);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(parse(&with(&line)).is_ok(), "{key}");
    }
}

#[test]
fn a_key_that_is_set_twice_is_named() {
    for (lines, expected) in [
        ("[mail]\nfrom = \"a@b.example\"\nfrom = \"hunter2\"\n", "duplicate key `from`"),
        ("[mail]\n[session]\n[mail]\n", "duplicate key `mail`"),
    ] {
        let found = parse(lines).unwrap_err().to_string();
        assert!(found.ends_with(expected), "{lines}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
}

#[test]
fn the_environment_causes_the_same_messages() {
    for (variable, value, expected) in [
        ("SERVER__LISTEN", "localhost:1", "server.listen: `localhost:1` must have an IP address"),
        ("SERVER__THREADS", "many", "server.threads: `many` is not a whole number from 1 to 1024"),
        ("SESSION__IDLE_TIMEOUT", "30", "session.idle_timeout: `30` is not a duration"),
        ("STORE__KIND", "redis", "store.kind: `redis` is not a known value, expected `sled`"),
        ("SERVER__LISTENN", "x", "server.listenn: unknown setting; did you mean `server.listen`?"),
        ("SERVER", "x", "server: is a section, not a setting; set the keys in it"),
        ("POLICY__DIRECTORY", "", "policy.directory: must not be empty: a path is required"),
    ] {
        let set = environment(&[(&format!("PORTCULLIS__{variable}"), value)]);
        let found = Settings::parse(LEAST, Path::new("p.toml"), &set).unwrap_err().to_string();
        assert!(found.contains(expected), "{variable}: {found}");
    }
}
