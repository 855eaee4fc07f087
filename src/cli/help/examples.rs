//! Two examples for each command.

mod organizations;
mod policy;

/// A command, with its examples.
type Examples = (&'static str, [&'static str; 2]);

/// The commands without subcommands, with their examples.
pub(in crate::cli) fn examples() -> impl Iterator<Item = &'static Examples> {
    OTHERS.iter().chain(organizations::ALL).chain(policy::ALL)
}

const OTHERS: &[Examples] = &[
    ("serve", ["portcullis serve", "portcullis serve --config /etc/portcullis/portcullis.toml"]),
    (
        "init",
        [
            "portcullis init portal",
            "portcullis init portal --name 'Example IT' --public-url https://portal.example.com \
             --upstream http://127.0.0.1:9000",
        ],
    ),
    (
        "config show",
        [
            "portcullis config show",
            "portcullis config show --config /etc/portcullis/portcullis.toml",
        ],
    ),
    ("check", ["portcullis check --for-upgrade", "portcullis check --deny-warnings --connect"]),
    (
        "doctor",
        [
            "portcullis doctor --as-portal 127.0.0.1:9000",
            "portcullis doctor --url https://portal.example.com --portal http://10.0.0.7:9000",
        ],
    ),
    ("demo", ["portcullis demo", "portcullis demo --port 9080 --admin-port 9081 --data demo"]),
    (
        "completions",
        [
            "portcullis completions bash > /etc/bash_completion.d/portcullis",
            "portcullis completions zsh > /usr/local/share/zsh/site-functions/_portcullis",
        ],
    ),
    ("man", ["portcullis man /usr/local/share/man/man1", "portcullis man pages"]),
    (
        "store init",
        ["portcullis store init", "portcullis store init --config /etc/portcullis/portcullis.toml"],
    ),
    (
        "store accept-older",
        [
            "portcullis store accept-older",
            "portcullis store accept-older --config /etc/portcullis/portcullis.toml",
        ],
    ),
    (
        "store rescue",
        [
            "portcullis store rescue rescued",
            "portcullis store rescue /var/lib/portcullis/rescued --config /etc/portcullis/portcullis.toml",
        ],
    ),
    (
        "backup",
        [
            "portcullis backup /var/backups/portcullis-2026-11-27",
            "portcullis backup --verify /var/backups/portcullis-2026-11-27",
        ],
    ),
    (
        "restore",
        [
            "portcullis restore /var/backups/portcullis-2026-11-27",
            "portcullis restore backup --config /etc/portcullis/portcullis.toml",
        ],
    ),
    ("export", ["portcullis export > portal.toml", "portcullis export --what groups,preferences"]),
    (
        "apply",
        [
            "portcullis apply portal.toml --dry-run",
            "portcullis apply portal.toml --source portal-config@3f2a1c9 --prune --yes",
        ],
    ),
    ("secrets rotate", ["portcullis secrets rotate --dry-run", "portcullis secrets rotate"]),
    ("status", ["portcullis status", "portcullis status --ready"]),
    ("top", ["portcullis top", "portcullis top --once --json"]),
    (
        "explain",
        [
            "portcullis explain --user liam@acme.example GET /invoices/7",
            "portcullis explain 5f3a90c1d2e40000000000000017",
        ],
    ),
    ("groups list", ["portcullis groups list", "portcullis groups list --json"]),
    ("groups show", ["portcullis groups show limited", "portcullis groups show 'Accounts team'"]),
    (
        "groups create",
        [
            "portcullis groups create 'Accounts team' --permissions portal.access,invoices.view",
            "portcullis groups create Everything --id everything --permissions all",
        ],
    ),
    (
        "groups edit",
        [
            "portcullis groups edit limited --grant invoices.view --revoke tickets.create",
            "portcullis groups edit 'Accounts team' --permissions all --dry-run",
        ],
    ),
    (
        "groups copy",
        [
            "portcullis groups copy limited",
            "portcullis groups copy limited --name 'Accounts team' --id accounts",
        ],
    ),
    (
        "groups delete",
        [
            "portcullis groups delete accounts",
            "portcullis groups delete accounts --move-to limited",
        ],
    ),
    (
        "groups default",
        ["portcullis groups default limited", "portcullis groups default 'Accounts team'"],
    ),
    (
        "users list",
        [
            "portcullis users list --organization acme --status invited --search ann",
            "portcullis users list --group admin --not-since 2026-01-31",
        ],
    ),
    (
        "users show",
        ["portcullis users show liam@acme.example", "portcullis users show 446nd34d --json"],
    ),
    (
        "users create",
        [
            "portcullis users create acme --login liam@acme.example --group limited --invite",
            "portcullis users create acme --end-user 'Anna Berg' --password",
        ],
    ),
    ("users import", ["portcullis users import a.csv", "portcullis users import - < a.csv"]),
    (
        "import organizations",
        ["portcullis import organizations a.csv", "portcullis import organizations - < a.csv"],
    ),
    ("import end-users", ["portcullis import end-users a.csv", "portcullis import end-users -"]),
    ("import users", ["portcullis import users a.csv", "portcullis import users -"]),
    (
        "users edit",
        [
            "portcullis users edit liam@acme.example --group admin",
            "portcullis users edit liam@acme.example --require-mfa true --name 'Liam Fox'",
        ],
    ),
    (
        "users disable",
        ["portcullis users disable liam@acme.example", "portcullis users disable liam --yes"],
    ),
    (
        "users enable",
        ["portcullis users enable liam@acme.example", "portcullis users enable liam --json"],
    ),
    (
        "users password",
        [
            "portcullis users password liam@acme.example",
            "pass show liam | portcullis users password liam@acme.example --password-stdin",
        ],
    ),
    (
        "users export",
        [
            "portcullis users export liam@acme.example",
            "portcullis users export liam@acme.example > liam.json",
        ],
    ),
    (
        "users erase",
        [
            "portcullis users erase liam@acme.example",
            "portcullis users erase liam@acme.example --end-user --yes",
        ],
    ),
    (
        "users invite",
        [
            "portcullis users invite liam@acme.example",
            "portcullis users invite liam@acme.example --blind-copy office@example.com",
        ],
    ),
    (
        "users withdraw",
        ["portcullis users withdraw liam@acme.example", "portcullis users withdraw 446nd34dnhne"],
    ),
    (
        "users reset-mfa",
        [
            "portcullis users reset-mfa liam@acme.example",
            "portcullis users reset-mfa liam@acme.example --yes",
        ],
    ),
    (
        "users sessions",
        [
            "portcullis users sessions liam@acme.example",
            "portcullis users sessions liam@acme.example --json",
        ],
    ),
    (
        "users tokens list",
        [
            "portcullis users tokens liam@acme.example list",
            "portcullis users tokens liam@acme.example list --json",
        ],
    ),
    (
        "users tokens create",
        [
            "portcullis users tokens liam@acme.example create 'Build server'",
            "portcullis users tokens liam@acme.example create 'Build server' --expires 2027-01-31",
        ],
    ),
    (
        "users tokens revoke",
        [
            "portcullis users tokens liam@acme.example revoke 'Build server'",
            "portcullis users tokens liam@acme.example revoke 7258a1b2 --yes",
        ],
    ),
    (
        "users delete",
        [
            "portcullis users delete liam@acme.example",
            "portcullis users delete liam@acme.example --dry-run",
        ],
    ),
    (
        "bulk enable",
        [
            "portcullis bulk enable --all --end-users --group limited",
            "portcullis bulk enable --organizations acme,globex --require-mfa true --dry-run",
        ],
    ),
    (
        "bulk disable",
        [
            "portcullis bulk disable --organizations acme --end-users",
            "portcullis bulk disable --all --yes --no-wait",
        ],
    ),
    (
        "bulk users",
        [
            "portcullis bulk users --from-group limited --group 'Accounts team'",
            "portcullis bulk users liam@acme.example noah@acme.example --disable",
        ],
    ),
    ("jobs list", ["portcullis jobs list", "portcullis jobs list --json"]),
    ("jobs show", ["portcullis jobs show", "portcullis jobs show 1d3k7q2m9x0aabbc"]),
    ("jobs wait", ["portcullis jobs wait", "portcullis jobs wait 1d3k7q2m9x0aabbc --json"]),
    (
        "jobs report",
        ["portcullis jobs report --result skipped", "portcullis jobs report --csv > report.csv"],
    ),
    ("jobs cancel", ["portcullis jobs cancel", "portcullis jobs cancel 1d3k7q2m9x0aabbc"]),
    ("preferences show", ["portcullis preferences show", "portcullis preferences show --json"]),
    (
        "preferences set",
        [
            "portcullis preferences set --secure-with-password false",
            "portcullis preferences set --disabled-redirect-url https://status.example.com/",
        ],
    ),
    (
        "sessions list",
        [
            "portcullis sessions list --user liam@acme.example",
            "portcullis sessions list --organization acme --kind link",
        ],
    ),
    (
        "sessions end",
        [
            "portcullis sessions end 7258a1b2c3d4",
            "portcullis sessions end --organization acme --yes",
        ],
    ),
    (
        "view",
        [
            "portcullis view acme --reason 'Ticket 4711: invoices are missing'",
            "portcullis view acme --reason 'Demonstration for the customer' --json",
        ],
    ),
    (
        "impersonate",
        [
            "portcullis impersonate liam@acme.example --reason 'Ticket 4711: cannot pay'",
            "portcullis impersonate liam@acme.example --reason 'Asked by phone' --json",
        ],
    ),
    (
        "portal-servers list",
        ["portcullis portal-servers list", "portcullis portal-servers list --json"],
    ),
    (
        "portal-servers drain",
        [
            "portcullis portal-servers drain 10.0.0.7:9000",
            "portcullis portal-servers drain unix:/run/portal.sock",
        ],
    ),
    (
        "portal-servers resume",
        [
            "portcullis portal-servers resume 10.0.0.7:9000",
            "portcullis portal-servers resume unix:/run/portal.sock",
        ],
    ),
    ("lockouts list", ["portcullis lockouts list", "portcullis lockouts list --json"]),
    (
        "lockouts release",
        [
            "portcullis lockouts release --login liam@acme.example",
            "portcullis lockouts release --address 192.0.2.7",
        ],
    ),
    (
        "mail list",
        ["portcullis mail list --state failed", "portcullis mail list --user liam@acme.example"],
    ),
    (
        "mail show",
        ["portcullis mail show liam@acme.example", "portcullis mail show 06f3k2m9s1a7b4c8"],
    ),
    (
        "mail retry",
        ["portcullis mail retry liam@acme.example", "portcullis mail retry 06f3k2m9s1a7b4c8"],
    ),
    (
        "mail test",
        ["portcullis mail test admin@example.com", "portcullis mail test admin@example.com --json"],
    ),
    (
        "audit list",
        [
            "portcullis audit list --organization acme --limit 20",
            "portcullis audit list --kind group.changed --since 2026-01-31T00:00:00Z",
        ],
    ),
    ("audit show", ["portcullis audit show 17", "portcullis audit show 17 --json"]),
    (
        "audit export",
        ["portcullis audit export > audit.jsonl", "portcullis audit export --output audit.jsonl"],
    ),
    ("audit checkpoint", ["portcullis audit checkpoint", "portcullis audit checkpoint --json"]),
    (
        "audit verify",
        [
            "portcullis audit verify --against checkpoint.txt",
            "portcullis audit verify --file audit.jsonl --key audit.pub",
        ],
    ),
    ("permissions", ["portcullis permissions", "portcullis permissions --json"]),
    ("routes", ["portcullis routes", "portcullis routes --unused"]),
    ("token list", ["portcullis token list", "portcullis token list --json"]),
    (
        "token create",
        [
            "portcullis token create 'Ticket system'",
            "portcullis token create Provisioning --role administrator --scope acme",
        ],
    ),
    (
        "token edit",
        [
            "portcullis token edit Provisioning --role technician --scope acme",
            "portcullis token edit 'Ticket system' --expires 2027-12-31",
        ],
    ),
    (
        "token revoke",
        ["portcullis token revoke 'Ticket system'", "portcullis token revoke 7258a1b2"],
    ),
    ("admin list", ["portcullis admin list", "portcullis admin list --json"]),
    (
        "admin create",
        [
            "portcullis admin create olga --role owner --email olga@example.com",
            "portcullis admin create theo --role technician --scope acme --scope globex",
        ],
    ),
    (
        "admin edit",
        [
            "portcullis admin edit theo --role administrator --no-scope",
            "portcullis admin edit theo --scope acme --impersonate",
        ],
    ),
    ("admin delete", ["portcullis admin delete theo", "portcullis admin delete theo --yes"]),
    (
        "admin reset-password",
        [
            "portcullis admin reset-password theo",
            "portcullis admin reset-password theo --password-stdin < password",
        ],
    ),
    (
        "admin reset-mfa",
        ["portcullis admin reset-mfa theo", "portcullis admin reset-mfa theo --yes"],
    ),
    ("admin sessions", ["portcullis admin sessions theo", "portcullis admin sessions theo --json"]),
    (
        "admin end-sessions",
        ["portcullis admin end-sessions theo", "portcullis admin end-sessions olga"],
    ),
];
