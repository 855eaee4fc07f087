//! Examples of `portcullis policy`.

pub(super) const ALL: &[(&str, [&str; 2])] = &[
    ("policy reload", ["portcullis policy reload", "portcullis policy reload --json"]),
    (
        "policy suggest",
        [
            "portcullis policy suggest decisions.log",
            "journalctl -u portcullis -o cat | portcullis policy suggest -",
        ],
    ),
    (
        "policy try",
        [
            "portcullis policy try --reason 'Find out the portal'",
            "portcullis policy try --minutes 60 --organization acme --reason 'Ticket 4711'",
        ],
    ),
    (
        "policy trials list",
        ["portcullis policy trials list", "portcullis policy trials list --json"],
    ),
    (
        "policy trials show",
        [
            "portcullis policy trials show 06kj3q5v0t8a1b2c",
            "portcullis policy trials show 06kj3q5v0t8a1b2c --json",
        ],
    ),
    (
        "policy trials stop",
        [
            "portcullis policy trials stop 06kj3q5v0t8a1b2c",
            "portcullis policy trials stop 06kj3q5v0t8a1b2c --dry-run",
        ],
    ),
    (
        "policy trials proposal",
        [
            "portcullis policy trials proposal 06kj3q5v0t8a1b2c > proposal.toml",
            "portcullis policy trials proposal 06kj3q5v0t8a1b2c --config /etc/portcullis/portcullis.toml",
        ],
    ),
];
