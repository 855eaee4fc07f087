//! CSV files on the command line: imported, exported, and imported by a gateway that is killed.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use super::cli::Console;
use crate::support::program::{Home, portcullis};
use crate::support::upstream::Upstream;

const PEOPLE: &str = "Organisation;E-Mail;Name\r\nacme;zoe@acme.example;=1+1\r\nacme;bob;Bob\r\n";

impl Console {
    async fn with_people() -> Self {
        let console = Self::start().await;
        console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
        fs::write(console.home.path("people.csv"), PEOPLE).unwrap();
        console
    }
}

#[tokio::test]
async fn cli_imports_a_csv_file_and_names_skipped_rows() {
    let console = Console::with_people().await;
    let import = ["users", "import", "people.csv", "--invite"];
    let refused = console.run(&import).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains("line 3: skipped: "), "{refused:?}");
    assert!(
        refused.out.contains(" is done: 1 created, 0 updated, 0 unchanged, 1 skipped."),
        "{refused:?}"
    );
    assert!(refused.err.contains("skipped 1 row; fix them and import the file again"));
    let tried = console.done(&[&import[..2], &["people.csv", "--dry-run"]].concat()).await;
    assert!(tried.contains("Nothing was changed"), "{tried}");
    assert_eq!(console.json(&["users", "list"]).await["items"].as_array().unwrap().len(), 1);
    let report = console.json(&["import", "users", "people.csv", "--group", "limited"]).await;
    assert_eq!(report["job"]["counts"]["created"], 1, "{report}");
    let results: Vec<_> =
        report["items"].as_array().unwrap().iter().map(|it| &it["result"]).collect();
    assert_eq!(results, ["unchanged", "created"]);
    let wrong = console.refused(&["organizations", "import", "people.csv"]).await;
    assert!(wrong.contains("line 1: the column `name` is given twice"), "{wrong}");
    fs::write(console.home.path("book.xlsx"), "PK\x03\x04").unwrap();
    let wrong = console.refused(&["users", "import", "book.xlsx"]).await;
    assert!(wrong.contains("this is a workbook"), "{wrong}");
}

#[tokio::test]
async fn cli_exports_a_file_that_can_be_imported() {
    let console = Console::with_people().await;
    console.done(&["users", "import", "people.csv"]).await;
    let written =
        console.done(&["users", "export", "--format", "csv", "--output", "out.csv"]).await;
    assert_eq!(written, "Wrote out.csv.\n");
    let file = fs::read_to_string(console.home.path("out.csv")).unwrap();
    assert!(file.starts_with("\u{feff}organization,login,name,"), "{file}");
    assert!(file.contains("acme,zoe@acme.example,'=1+1,"), "{file}");
    // In a pipe, the bytes are the same.
    assert_eq!(console.done(&["users", "export", "--format", "csv"]).await, file);
    let filtered = console.done(&["users", "export", "--format", "csv", "--search", "bob"]).await;
    assert_eq!(filtered.lines().count(), 2, "{filtered}");
    let again = console.json(&["users", "import", "out.csv"]).await;
    assert_eq!(again["job"]["counts"]["unchanged"], 2, "{again}");
    let organizations = console.done(&["organizations", "export"]).await;
    assert!(organizations.contains("\r\nacme,Acme,,2,yes\r\n"), "{organizations}");
    let end_users = console.done(&["organizations", "end-users", "export", "acme"]).await;
    assert_eq!(end_users, "\u{feff}organization,id,name,email\r\n");
    for wrong in [&["users", "export"][..], &["users", "export", "bob", "--group", "limited"]] {
        assert_eq!(console.run(wrong).await.code, 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn an_import_goes_on_after_the_gateway_was_killed() {
    const ROWS: usize = 2000;
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "");
    let program = home.serve().await;
    home.run(&["organizations", "create", "Acme", "--id", "acme"]).await.done();
    let mut file = "organization,login\n".to_owned();
    for number in 0..ROWS {
        writeln!(file, "acme,user{number}@acme.example").unwrap();
    }
    fs::write(home.path("people.csv"), file).unwrap();
    let import = ["--config", "portcullis.toml", "users", "import", "people.csv", "--invite"];
    let importing = portcullis(&home.path("."), &import).spawn().unwrap();
    let job = loop {
        let jobs = home.run(&["jobs", "list", "--json"]).await.json();
        let job = jobs["items"][0].clone();
        if job["done"].as_u64().is_some_and(|done| done > 0) {
            break job;
        }
    };
    program.kill().await;
    let failed = importing.wait_with_output().await.unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let _program = home.serve().await;
    let id = job["id"].as_str().unwrap();
    home.run(&["jobs", "wait", id]).await.done();
    let report = home.run(&["jobs", "report", id, "--json"]).await.done();
    let lines: Vec<Value> =
        report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["result"] == "created"));
    let numbers: HashSet<u64> = lines.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!((lines.len(), numbers.len()), (ROWS, ROWS), "each row is done once");
    let users = home.run(&["users", "list", "--json"]).await.json();
    assert_eq!(users["items"].as_array().unwrap().len(), ROWS);
}
