//! The questions that commands ask at a terminal.

use super::cli::Console;
use crate::support::admin::PASSWORD;
use crate::support::program::{Ran, run_at_terminal};

impl Console {
    async fn answer(&self, args: &[&str], typed: &str) -> Ran {
        let args = [&["--config", "portcullis.toml"], args].concat();
        run_at_terminal(&self.home.path("."), &args, typed).await
    }

    /// An organization with a portal user who is signed in, one whose secure link is open, and a
    /// token.
    async fn furnish(&self) {
        let acme = ["organizations", "create", "Acme", "--id", "acme"];
        self.done(&[&acme[..], &["--email", "office@acme.example"]].concat()).await;
        self.done(&["groups", "default", "limited"]).await;
        self.done(&["organizations", "create", "Globex", "--id", "globex"]).await;
        self.done(&["groups", "copy", "limited", "--id", "team", "--name", "Team"]).await;
        let create = ["users", "create", "acme", "--login", "ann", "--group", "team"];
        self.with_input(&[&create[..], &["--password-stdin"]].concat(), PASSWORD).await.done();
        assert_eq!(self.browser().sign_in("ann", PASSWORD).await.status, 303);
        let link = self.json(&["organizations", "link", "show", "globex"]).await;
        let mut visitor = self.browser();
        let path = visitor.local(link["url"].as_str().unwrap());
        assert_eq!(visitor.open(&path).await.status, 303);
        self.done(&["token", "create", "CI"]).await;
    }

    /// Everything that the commands below would change.
    async fn state(&self) -> String {
        let mut state = String::new();
        for list in [
            &["groups", "list"][..],
            &["organizations", "list"],
            &["users", "list"],
            &["preferences", "show"],
            &["token", "list"],
        ] {
            state += &self.json(list).await.to_string();
        }
        let sessions = self.json(&["sessions", "list"]).await;
        state + &sessions["items"].as_array().unwrap().len().to_string()
    }
}

#[tokio::test]
async fn cli_asks_with_consequences_before_large_changes() {
    let console = Console::start().await;
    console.furnish().await;
    let before = console.state().await;
    for (args, question) in [
        (
            &["groups", "edit", "team", "--grant", "invoices.view"][..],
            "Change the group Team: grant invoices.view?\n- 1 person gains \
             invoices.view (Invoices)\nContinue?",
        ),
        (
            &["groups", "edit", "non-portal", "--permissions", ""],
            "Change the group Non-Portal User Group: revoke ",
        ),
        (
            &["groups", "delete", "team", "--move-to", "admin"],
            "Delete the group Team, and move 1 portal user to the group Admin Portal Group (24 of 24 \
             permissions)?\n- 1 person gains ",
        ),
        (
            &["groups", "default", "admin"],
            "Put new portal users in the group Admin Portal Group, which has all permissions?\n- \
             portal users who are created,",
        ),
        (
            &["users", "create", "acme", "--login", "bob@acme.example", "--invite"],
            "the invitation goes to `office@acme.example`, not to `bob@acme.example`",
        ),
        (
            &["organizations", "park", "acme", "--reason", "Moved."],
            "Park the organization Acme (id acme)?\n- 1 person loses",
        ),
        (
            &["users", "erase", "ann"],
            "Erase ann (the portal user, 1 session, 0 tokens, 0 emails)?\n- ",
        ),
        (
            &["organizations", "link", "rotate", "globex"],
            "Replace the secure link of Globex?\n- 1 open session ends\n- the secure link of `globex` \
             stops working, and 1 open session of it ends; send people the new one\nContinue?",
        ),
        (&["organizations", "link", "disable", "acme"], "Disable the secure link of Acme?"),
        (&["organizations", "delete", "Globex"], "Delete the organization Globex (id globex)?\n- "),
        (
            &["users", "create", "globex", "--login", "gil"],
            "- the secure link of `globex` no longer opens sessions, and 1 open session of it ends",
        ),
        (
            &["users", "disable", "ann"],
            "Disable ann, who can then neither sign in nor use open sessions?\n- ",
        ),
        (
            &["users", "delete", "ann"],
            "- the secure link of `acme` opens sessions again, without a password, for everyone who \
             has it\nContinue?",
        ),
        (
            &["preferences", "set", "--secure-with-password", "false"],
            "- the secure link of `acme` opens sessions again",
        ),
        (
            &["preferences", "set", "--disabled-redirect-url", "https://status.example/"],
            "- every request to the portal is redirected to https://status.example/; 2 open sessions \
             stay valid",
        ),
        (
            &["sessions", "end", "--user", "ann"],
            "End all sessions of ann?\n- 1 open session ends\nContinue?",
        ),
        (
            &["sessions", "end", "--organization", "globex"],
            "End all sessions of Globex?\n- 1 open session ends\nContinue?",
        ),
        (&["sessions", "end", "--all"], "End all sessions?\n- 2 open sessions end\nContinue?"),
        (&["token", "revoke", "CI"], "Revoke the token \"CI\" ("),
    ] {
        for no in ["n\n", "\n", "yess\n"] {
            let ran = console.answer(args, no).await;
            assert!(ran.code == 1 && ran.out.is_empty(), "{args:?}: {ran:?}");
            assert!(ran.err.contains(question), "{args:?}: {ran:?}");
            assert!(ran.err.contains("[y/N] "), "{args:?}: {ran:?}");
            assert!(ran.err.ends_with("aborted; nothing was changed\n"), "{args:?}: {ran:?}");
            if no == "n\n" {
                assert_eq!(console.state().await, before, "{args:?}");
            }
        }
    }
    // Each of these changes what the next would.
    for (args, typed, asks) in [
        (&["organizations", "link", "rotate", "globex"][..], "y\n", true),
        (&["sessions", "end", "--user", "ann"], "YES\n", true),
        (&["users", "delete", "ann", "--yes"], "", false),
        (&["token", "revoke", "CI"], " y \n", true),
        (&["preferences", "set", "--disabled-redirect-url", "https://a.example/"], "y\n", true),
    ] {
        let ran = console.answer(args, typed).await;
        assert!(ran.code == 0 && !ran.out.is_empty(), "{args:?}: {ran:?}");
        assert_eq!(ran.err.contains("[y/N]"), asks, "{args:?}: {ran:?}");
    }
    assert_eq!(console.json(&["users", "list"]).await["items"], serde_json::json!([]));
}

#[tokio::test]
async fn cli_does_not_ask_where_nobody_is_affected() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    console.done(&["organizations", "link", "disable", "acme"]).await;
    for args in [
        &["groups", "edit", "limited", "--grant", "invoices.view"][..],
        &["groups", "edit", "limited", "--name", "Few"],
        &["organizations", "link", "disable", "acme"],
        &["users", "create", "acme", "--login", "ann"],
        &["users", "reset-mfa", "ann"],
        &["preferences", "set", "--secure-with-password", "true"],
        &["preferences", "set", "--no-disabled-redirect-url"],
        &["sessions", "end", "--all"],
    ] {
        let ran = console.answer(args, "").await;
        assert!(ran.code == 0 && ran.err.is_empty(), "{args:?}: {ran:?}");
    }
    // Nothing is asked without a terminal.
    assert_eq!(console.run(&["users", "delete", "ann"]).await.err, "");
}

#[tokio::test]
async fn r11_the_last_user_is_warned_of_without_a_terminal() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    for login in ["ann", "bob"] {
        console.done(&["users", "create", "acme", "--login", login]).await;
    }
    let first = console.run(&["users", "delete", "ann", "--json"]).await;
    assert_eq!((first.code, &*first.err), (0, ""), "{first:?}");
    let last = console.run(&["users", "delete", "bob", "--json"]).await;
    let warned = "warning: the secure link of `acme` opens sessions again, without a password, for \
                  everyone who has it (link-opens)\n";
    assert_eq!((last.code, &*last.err), (0, warned), "{last:?}");
}

#[tokio::test]
async fn r12_withdrawing_the_last_invitation_warns_on_stderr() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    let create = ["users", "create", "acme", "--login", "ann@acme.example", "--invite"];
    let first = console.run(&create).await;
    assert!(first.err.contains("no longer opens sessions") && first.code == 0, "{first:?}");
    let withdrawn = console.run(&["users", "withdraw", "ann@acme.example"]).await;
    assert!(withdrawn.err.contains("(link-stays-closed)\n"), "{withdrawn:?}");
    assert!(withdrawn.out.starts_with("Withdrew the invitation of ann@acme.example."));
    let console_has = console.json(&["users", "show", "ann@acme.example"]).await;
    assert_eq!(console_has["status"], "no_password");
}
