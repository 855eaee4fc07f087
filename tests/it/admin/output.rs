//! What commands print, as snapshots.

use super::cli::Console;
use crate::support::admin::PASSWORD;

/// Replaces what is different on each run: times, and generated ids.
fn normalized(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        while let Some(end) = line.find(" UTC") {
            let start = end.saturating_sub("2026-01-31 12:00:00".len());
            line.replace_range(start..end + " UTC".len(), "<a time in seconds>    ");
        }
        let mut normal = String::new();
        for word in line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let id = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            // The alphabet of base32hex; one in a hundred has no digit.
            let is_generated = [12, 16].contains(&id.len())
                && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'))
                && id.bytes().any(|byte| byte.is_ascii_lowercase());
            if is_generated {
                normal.push_str(&"x".repeat(id.len()));
                normal.push_str(&word[id.len()..]);
            } else {
                normal.push_str(word);
            }
        }
        lines.push(normal.trim_end().to_owned());
    }
    lines.join("\n")
}

impl Console {
    /// The outbox sends the invitation on its own.
    async fn wait_for_sent_mail(&self) {
        let sent = ["mail", "list", "--state", "sent"];
        for _ in 0..200 {
            if self.json(&sent).await["items"] != serde_json::json!([]) {
                return;
            }
        }
        panic!("the invitation was not sent");
    }
}

#[tokio::test]
async fn cli_output_is_that_of_the_snapshot() {
    let console = Console::start().await;
    let mut transcript = String::new();
    for line in [
        "organizations create 'Acme Ltd' --id acme --email office@acme.example",
        "organizations end-users create acme 'Anna Berg' --email anna@acme.example",
        "organizations end-users edit acme anna@acme.example --name 'Anna Lind'",
        "organizations end-users list 'Acme Ltd'",
        "organizations edit acme --name Acme",
        "organizations edit acme --name Acme",
        "organizations show acme",
        "groups list",
        "groups copy limited --id accounts --name 'Accounts team'",
        "groups edit accounts --grant invoices.view --revoke tickets.create",
        "groups edit 'Accounts team' --name Accounting",
        "groups default accounts",
        "users create acme --login ada --group limited --password-stdin",
        "users create acme --end-user 'Anna Lind' --group admin --invite",
        "users create acme --login cid",
        "users create acme --login ada --group limited",
        "users list",
        "users list --status invited",
        "users list --group nothing",
        "users list --group account",
        "users edit ada --group accounts",
        "users edit ada --group accounts",
        "users edit ada --name Ada --require-mfa true",
        "users disable ada",
        "users disable ada",
        "users enable ada",
        "users show ada",
        "users show adam",
        "explain --user ada GET /invoices",
        "explain --user cid GET /invoices",
        "explain --user ada GET /invoice",
        "explain --link acme GET /invoices",
        "explain --group limited GET /invoices",
        "mail list --user anna@acme.example",
        "mail show anna@acme.example",
        "sessions list",
        "sessions end 7258a1b2",
        "preferences show",
        "preferences set --secure-with-password false",
        "preferences set --disabled-redirect-url https://status.example/",
        "preferences set --no-disabled-redirect-url",
        "preferences set --no-disabled-redirect-url",
        "lockouts list",
        "token list",
        "token revoke CI",
        "users delete cid",
        "groups delete accounts --move-to limited",
        "organizations delete acme",
    ] {
        if line.starts_with("mail") {
            console.wait_for_sent_mail().await;
        }
        let words: Vec<String> = split(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = console.with_input(&words, PASSWORD).await;
        transcript += &format!("$ portcullis {line}\n{}{}", ran.out, ran.err);
        if ran.code != 0 {
            transcript += &format!("[exit code {}]\n", ran.code);
        }
        transcript.push('\n');
    }
    insta::assert_snapshot!("cli", normalized(&transcript));
}

/// The words of a line, with quotes as in a shell.
fn split(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
