//! Imports and exports of CSV files over the API.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::bench::{Answer, Bench};
use crate::admin::{Access, guard, routes};
use crate::directory::records::{Rights, Role, Scope};

/// A file as a spreadsheet saves it, in its bytes.
#[derive(Debug)]
struct File {
    program: &'static str,
    bytes: Vec<u8>,
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The same people as the programs save them.
fn files() -> Vec<File> {
    let rows = "Organisation;E-Mail;Name;Gruppe;MFA\r\n\
                acme;zoë@acme.example;\"Müller; Zoë\";limited;ja\r\n\
                acme;bob@acme.example;\"Bob \"\"B\"\" Berg\";Admin Portal Group;nein\r\n\
                ;;;;\r\n";
    let latin = rows.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let english = "Organization,Username,Name,Group,Require MFA,\r\n\
                   acme,zoë@acme.example,\"Müller; Zoë\",limited,TRUE,\r\n\
                   acme,bob@acme.example,\"Bob \"\"B\"\" Berg\",admin,FALSE,\r\n\
                   ,,,,,\r\n";
    let google = "organization,login,name,group,require_mfa\r\n\
                  Acme,zoë@acme.example,Müller; Zoë,limited,yes\r\n\
                  Acme,bob@acme.example,\"Bob \"\"B\"\" Berg\",admin,no";
    let text = "Name\tLogin\tOrganization\tGroup\tMFA\r\n\
                \"Müller; Zoë\"\tzoë@acme.example\tacme\tlimited\tx\r\n\
                \"Bob \"\"B\"\" Berg\"\tbob@acme.example\tacme\tadmin\t\r\n";
    let quoted = "\"organization\",\"login\",\"name\",\"group\",\"require_mfa\"\n\
                  \"acme\",\"zoë@acme.example\",\"Müller; Zoë\",\"limited\",\"yes\"\n\
                  \"acme\",\"bob@acme.example\",\"Bob \"\"B\"\" Berg\",\"admin\",\"no\"\n\n";
    let file = |program, bytes| File { program, bytes };
    vec![
        file("Excel, German, CSV", latin),
        file("Excel, German, CSV UTF-8", format!("\u{feff}{rows}").into_bytes()),
        file("Excel, German, sep=", format!("sep=;\r\n{rows}").into_bytes()),
        file("Excel, English, CSV UTF-8", format!("\u{feff}{english}").into_bytes()),
        file("Excel, Unicode text", utf16(text)),
        file("Google Sheets", google.as_bytes().to_vec()),
        file("LibreOffice", quoted.as_bytes().to_vec()),
    ]
}

impl Bench {
    async fn post_csv(&self, path: &str, bytes: impl Into<Vec<u8>>) -> Answer {
        let request = Request::post(path)
            .header("content-type", "text/csv; charset=utf-8")
            .body(Body::from(bytes.into()));
        self.send(Access::Socket, request.unwrap()).await
    }

    /// Imports a file: the job at its end, and its report.
    async fn import(&self, path: &str, bytes: impl Into<Vec<u8>>) -> (Value, Vec<Value>) {
        let queued = self.post_csv(path, bytes).await;
        assert_eq!(queued.status, 201, "{queued:?}");
        while self.state.jobs.step().await.unwrap() {}
        let job = self.get(&format!("/api/v1/jobs/{}", queued.id())).await.body;
        let text = self.text(&format!("/api/v1/jobs/{}/report", queued.id())).await;
        (job, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// A response that is not JSON.
    async fn text(&self, path: &str) -> String {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let router = guard::router(routes::table(), self.state.clone(), Access::Socket);
        let response = router.oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn with_acme() -> Self {
        let bench = Self::start().await;
        let acme = json!({ "id": "acme", "name": "Acme", "email": "office@acme.example" });
        assert_eq!(bench.post("/api/v1/organizations", acme).await.status, 201);
        bench
    }
}

fn counts(created: u64, updated: u64, unchanged: u64, skipped: u64) -> Value {
    json!({
        "created": created, "updated": updated, "unchanged": unchanged, "skipped": skipped,
    })
}

#[tokio::test]
async fn files_of_all_spreadsheets_create_the_same_people() {
    for File { program, bytes } in files() {
        let bench = Bench::with_acme().await;
        let (job, report) = bench.import("/api/v1/import/users", bytes.clone()).await;
        assert_eq!(job["counts"], counts(2, 0, 0, 0), "{program}: {report:?}");
        let users = bench.get("/api/v1/users?search=z").await;
        let zoe = &users.body["items"][0];
        assert_eq!(zoe["login"], "zoë@acme.example", "{program}");
        assert_eq!(zoe["name"], "Müller; Zoë", "{program}");
        assert_eq!((&zoe["group"], &zoe["require_mfa"]), (&json!("limited"), &json!(true)));
        let bob = &bench.get("/api/v1/users?login=bob@acme.example").await.body["items"][0];
        assert_eq!(bob["name"], "Bob \"B\" Berg", "{program}");
        assert_eq!((&bob["group"], &bob["require_mfa"]), (&json!("admin"), &json!(false)));
        // A second time, nothing is left to do.
        let (job, _) = bench.import("/api/v1/import/users", bytes).await;
        assert_eq!(job["counts"], counts(0, 0, 2, 0), "{program}");
    }
}

#[tokio::test]
async fn r41_a_dry_run_of_a_file_says_where_invitations_go() {
    let bench = Bench::with_acme().await;
    let elsewhere = async |file: &str| -> Vec<Value> {
        let path = "/api/v1/import/users?organization=acme&dry_run=true";
        let answer = bench.post_csv(path, file).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let warnings = answer.body["changes"]["warnings"].as_array().unwrap().iter();
        warnings.filter(|it| it["name"] == "invitation-sent-elsewhere").cloned().collect()
    };
    let people = "login,invite\nann@acme.example,yes\nbob@acme.example,yes\n";
    let warnings = elsewhere(people).await;
    assert_eq!((warnings.len(), &warnings[0]["count"]), (1, &json!(2)), "{warnings:?}");
    let detail = warnings[0]["detail"].as_str().unwrap();
    assert!(detail.contains("`office@acme.example`"), "{detail}");
    for file in [
        "login,invite\nann@acme.example,no\nbob@acme.example,no\n",
        "login,invite,send_to\nann@acme.example,yes,ann@acme.example\n",
    ] {
        assert!(elsewhere(file).await.is_empty(), "{file}");
    }
}

#[tokio::test]
async fn each_row_is_done_or_skipped_with_its_line() {
    let bench = Bench::with_acme().await;
    bench.person("globex", "taken", "limited").await;
    let file = "login,organization,group,require_mfa,password,password_hash\n\
                ann,acme,,,,\n\
                \n\
                ben,nowhere,,,,\n\
                cleo,acme,no such group,,,\n\
                dan,acme,,maybe,,\n\
                TAKEN,acme,,,,\n\
                \"eve\",acme,,,short,\n\
                fay,acme,,,,not a hash\n\
                ,acme,,,Battery-Staple-8,\n\
                1.2E+10,acme,,,,\n\
                gus,acme,,,,,too much\n";
    let (job, report) = bench.import("/api/v1/import/users", file).await;
    assert_eq!(job["counts"], counts(2, 0, 0, 8), "{report:?}");
    let line = |number: u64| report.iter().find(|line| line["line"] == number).unwrap();
    assert_eq!((&line(2)["result"], &line(2)["login"]), (&json!("created"), &json!("ann")));
    assert_eq!(line(10)["login"], "office@acme.example", "R15");
    for (number, code, reason) in [
        (4, "not-found", "there is no organization `nowhere`"),
        (5, "invalid", "there is no group `no such group`"),
        (6, "invalid", "require_mfa: `maybe` is neither `yes` nor `no`"),
        (7, "taken", "already exists"),
        (8, "invalid", "password: it needs"),
        (9, "invalid", "password_hash: "),
        (11, "invalid", "`login` is `1.2E+10`"),
        (12, "invalid", "cell 7 has no column"),
    ] {
        assert_eq!(line(number)["code"], code, "{}", line(number));
        assert!(line(number)["reason"].as_str().unwrap().contains(reason), "{}", line(number));
    }
    let stored = bench.get("/api/v1/users?organization=acme").await;
    assert_eq!(stored.body["items"].as_array().unwrap().len(), 2, "nothing is half-made");
    assert!(!format!("{report:?}").contains("short"), "no password is repeated");
}

#[tokio::test]
async fn a_file_changes_what_differs_and_nothing_else() {
    let bench = Bench::with_acme().await;
    let organizations = "id,name,email\nacme,,new@acme.example\nglobex,Globex,\n,Initech,\n";
    let (job, _) = bench.import("/api/v1/import/organizations", organizations).await;
    assert_eq!(job["counts"], counts(2, 1, 0, 0));
    let acme = bench.get("/api/v1/organizations/acme").await;
    assert_eq!(
        (&acme.body["name"], &acme.body["email"]),
        (&json!("Acme"), &json!("new@acme.example"))
    );
    let (job, _) = bench.import("/api/v1/import/organizations", organizations).await;
    assert_eq!(job["counts"], counts(0, 0, 3, 0));

    let contacts = "organization,name,email\nAcme,Ann,ann@acme.example\ninitech,Ben,\n";
    let (job, report) = bench.import("/api/v1/import/end-users", contacts).await;
    assert_eq!(job["counts"], counts(2, 0, 0, 0), "{report:?}");
    let (job, _) =
        bench.import("/api/v1/import/end-users", contacts.replace("Ann,", "Anna,")).await;
    assert_eq!(job["counts"], counts(0, 1, 1, 0));

    let people = "end_user,organization,group\nann@acme.example,acme,limited\nBen,Initech,\n";
    let (job, report) = bench.import("/api/v1/import/users?invite=true", people).await;
    assert_eq!(job["counts"], counts(1, 0, 0, 1), "{report:?}");
    assert_eq!(
        report[1]["reason"],
        "login: the end user has no email address to use as the login; specify `login`"
    );
    let user = &bench.get("/api/v1/users").await.body["items"][0];
    assert_eq!((&user["login"], &user["status"]), (&json!("ann@acme.example"), &json!("invited")));
    let changed = people.replace("limited", "admin");
    let (job, _) = bench.import("/api/v1/import/users?invite=true", changed).await;
    assert_eq!(job["counts"], counts(0, 1, 0, 1));
    assert_eq!(bench.get("/api/v1/mail").await.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_export_is_imported_as_the_same_elsewhere() {
    let bench = Bench::with_acme().await;
    let odd = json!({ "id": "odd", "name": "=1+1; \"Ltd\"", "email": "o@odd.example" });
    bench.post("/api/v1/organizations", odd).await;
    let contact = json!({ "name": "-Ann", "email": "ann@odd.example" });
    let end_user = bench.post("/api/v1/organizations/odd/end-users", contact).await.id();
    let user =
        json!({ "organization": "odd", "end_user": end_user, "group": "limited", "name": "@Ann" });
    let user = bench.post("/api/v1/users", user).await.id();
    bench.patch(&format!("/api/v1/users/{user}"), json!({ "disabled": true })).await;
    bench.person("acme", "+49301", "admin").await;
    let lists = [
        ("organizations", "/api/v1/organizations?format=csv"),
        ("end-users", "/api/v1/organizations/odd/end-users?format=csv"),
        ("users", "/api/v1/users?format=csv"),
    ];
    let other = Bench::start().await;
    for (kind, list) in lists {
        let file = bench.text(list).await;
        assert!(file.starts_with('\u{feff}'), "{file}");
        let (job, report) = other.import(&format!("/api/v1/import/{kind}"), file.clone()).await;
        assert_eq!(job["counts"]["skipped"], 0, "{kind}: {report:?}");
        assert_eq!(job["counts"]["created"], job["total"], "{kind}");
        let (job, _) = bench.import(&format!("/api/v1/import/{kind}"), file).await;
        assert_eq!(job["counts"]["unchanged"], job["total"], "{kind}");
    }
    // Ids of end users and portal users, and passwords, are those of each installation.
    let comparable = |file: String| {
        let cells = file.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let mut rows: Vec<_> = cells.map(|cells| cells[..7].join(",")).collect();
        rows.sort();
        rows
    };
    let users = "/api/v1/users?format=csv";
    assert_eq!(comparable(bench.text(users).await), comparable(other.text(users).await));
    let organizations = "/api/v1/organizations?format=csv";
    assert_eq!(bench.text(organizations).await, other.text(organizations).await);
    assert!(bench.text(organizations).await.contains("\"'=1+1; \"\"Ltd\"\"\""));
}

#[tokio::test]
async fn a_dry_run_names_the_rows_and_the_consequences() {
    let bench = Bench::with_acme().await;
    let file =
        "organization,login,invite\nacme,ann@acme.example,yes\nnowhere,ben,\nacme,cleo,perhaps\n";
    let answer = bench.post_csv("/api/v1/import/users?dry_run=true", file).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let changes = &answer.body["changes"];
    assert_eq!(changes["mails"], 1);
    let warnings: Vec<&str> = changes["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|warning| warning["name"] == "skipped")
        .map(|warning| warning["detail"].as_str().unwrap())
        .collect();
    assert_eq!(
        warnings,
        [
            "line 3: organization: there is no organization `nowhere`",
            "line 4: invite: `perhaps` is neither `yes` nor `no`",
            "2 of 3 rows would be skipped",
        ]
    );
    assert_eq!(bench.get("/api/v1/users").await.body["items"], json!([]));
    assert_eq!(bench.get("/api/v1/jobs").await.body["items"], json!([]));
}

#[tokio::test]
async fn i10_an_import_changes_only_what_the_caller_may() {
    let bench = Bench::with_acme().await;
    bench.person("globex", "gil", "limited").await;
    let file = "organization,login\nacme,ann\nglobex,ben\nglobex,gil\n";
    for (role, scope, status) in [
        (Role::Technician, Scope::ALL, 403),
        (Role::Administrator, Scope::only(["acme".into()]), 201),
    ] {
        let rights = Rights { role, scope, impersonate: false };
        let token = bench.token_of(rights).await;
        let request = Request::post("/api/v1/import/users")
            .header("host", "127.0.0.1:8081")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "text/csv")
            .body(Body::from(file));
        let answer = bench.send(Access::Token, request.unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    }
    while bench.state.jobs.step().await.unwrap() {}
    let job = &bench.get("/api/v1/jobs").await.body["items"][0];
    assert_eq!(job["counts"], counts(1, 0, 0, 2), "{job}");
    let users = bench.get("/api/v1/users?organization=globex").await;
    assert_eq!(users.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_such_a_file_is_refused_as_a_whole() {
    let bench = Bench::with_acme().await;
    for (bytes, detail) in [
        (
            &b"organization,logn\nacme,ann\n"[..],
            "line 1: there is no column `logn`; the columns are",
        ),
        (b"", "the file is empty"),
        (b"PK\x03\x04", "this is a workbook"),
        (b"organization,login\nacme,\"ann\n", "line 2: a quote"),
    ] {
        let answer = bench.post_csv("/api/v1/import/users", bytes).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.detail().contains(detail), "{answer:?}");
    }
    let json = bench.post("/api/v1/import/users", json!({})).await;
    assert_eq!(json.code(), "unsupported-media-type");
    let large = vec![b'x'; (32 << 20) + 1];
    let answer = bench.post_csv("/api/v1/import/users", large).await;
    assert_eq!(answer.code(), "too-large");
    assert!(answer.detail().contains("32 MiB"), "{answer:?}");
    let unknown = bench.post_csv("/api/v1/import/users?group=nothing", "login\nann\n").await;
    assert_eq!(unknown.status, 422, "{unknown:?}");
    let limited = bench.get("/api/v1/users?format=csv&limit=5").await;
    assert_eq!((limited.status.as_u16(), limited.field()), (422, "format"));
    assert_eq!(bench.get("/api/v1/jobs").await.body["items"], json!([]));
}
