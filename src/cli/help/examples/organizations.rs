//! Examples of `portcullis organizations`.

pub(super) const ALL: &[(&str, [&str; 2])] = &[
    (
        "organizations list",
        ["portcullis organizations list --search acme", "portcullis organizations list --json"],
    ),
    (
        "organizations show",
        ["portcullis organizations show acme", "portcullis organizations show 'Acme Ltd'"],
    ),
    (
        "organizations create",
        [
            "portcullis organizations create 'Acme Ltd' --id acme",
            "portcullis organizations create 'Acme Ltd' --id acme --email office@acme.example",
        ],
    ),
    (
        "organizations edit",
        [
            "portcullis organizations edit acme --name 'Acme Inc.'",
            "portcullis organizations edit acme --default-group limited",
        ],
    ),
    (
        "organizations park",
        [
            "portcullis organizations park acme --reason 'Your contract has ended.'",
            "portcullis organizations park 'Acme Ltd' --reason 'Closed until Monday.' --dry-run",
        ],
    ),
    (
        "organizations unpark",
        ["portcullis organizations unpark acme", "portcullis organizations unpark acme --yes"],
    ),
    (
        "organizations delete",
        ["portcullis organizations delete acme", "portcullis organizations delete acme --yes"],
    ),
    (
        "organizations link show",
        [
            "portcullis organizations link show acme",
            "portcullis organizations link show 'Acme Ltd' --json",
        ],
    ),
    (
        "organizations link rotate",
        [
            "portcullis organizations link rotate acme",
            "portcullis organizations link rotate acme --dry-run",
        ],
    ),
    (
        "organizations link enable",
        [
            "portcullis organizations link enable acme",
            "portcullis organizations link enable 'Acme Ltd'",
        ],
    ),
    (
        "organizations link disable",
        [
            "portcullis organizations link disable acme",
            "portcullis organizations link disable acme --yes",
        ],
    ),
    (
        "organizations end-users list",
        [
            "portcullis organizations end-users list acme --search ann",
            "portcullis organizations end-users list 'Acme Ltd' --json",
        ],
    ),
    (
        "organizations end-users show",
        [
            "portcullis organizations end-users show acme 'Anna Berg'",
            "portcullis organizations end-users show acme anna@acme.example",
        ],
    ),
    (
        "organizations end-users create",
        [
            "portcullis organizations end-users create acme 'Anna Berg'",
            "portcullis organizations end-users create acme 'Anna Berg' --email anna@acme.example",
        ],
    ),
    (
        "organizations end-users edit",
        [
            "portcullis organizations end-users edit acme 'Anna Berg' --email anna@acme.example",
            "portcullis organizations end-users edit acme anna@acme.example --name 'Anna Lind'",
        ],
    ),
    (
        "organizations end-users delete",
        [
            "portcullis organizations end-users delete acme 'Anna Berg'",
            "portcullis organizations end-users delete acme anna@acme.example --yes",
        ],
    ),
    (
        "organizations import",
        ["portcullis organizations import a.csv", "portcullis organizations import - < a.csv"],
    ),
    (
        "organizations export",
        [
            "portcullis organizations export > a.csv",
            "portcullis organizations export --output a.csv",
        ],
    ),
    (
        "organizations end-users import",
        [
            "portcullis organizations end-users import a.csv",
            "portcullis organizations end-users import -",
        ],
    ),
    (
        "organizations end-users export",
        [
            "portcullis organizations end-users export acme",
            "portcullis organizations end-users export a",
        ],
    ),
];
