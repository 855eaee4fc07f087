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
        let create = ["users", "create", "acme", "--login", "ann", "--group", "limited"];
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
            &["groups", "edit", "limited", "--grant", "invoices.view"][..],
            "Change permissions of the group Limited Portal Group: grant invoices.view? 1 portal user \
             is in it; the change applies to the next request.",
        ),
        (
            &["groups", "edit", "non-portal", "--permissions", ""],
            "Anyone with one of 2 enabled secure links has this group, without signing in; 1 session \
             of them is open.",
        ),
        (
            &["groups", "delete", "limited", "--move-to", "admin"],
            "Delete the group Limited Portal Group, and move 1 portal user to the group Admin Portal \
             Group (24 of 24 permissions)?",
        ),
        (
            &["groups", "default", "admin"],
            "Put new portal users in the group Admin Portal Group? It has all permissions.",
        ),
        (
            &["users", "create", "acme", "--login", "bob@acme.example", "--invite"],
            "The invitation will go to office@acme.example, not to bob@acme.example. Send it?",
        ),
        (
            &["users", "erase", "ann"],
            "Erase ann (the portal user, 1 session, 0 tokens, 0 emails) of Acme?",
        ),
        (
            &["organizations", "link", "rotate", "globex"],
            "Replace the secure link of Globex? The current link stops working, and 1 open session \
             ends.",
        ),
        (
            &["organizations", "link", "disable", "acme"],
            "Disable the secure link of Acme? It stops working, and no session is open.",
        ),
        (
            &["organizations", "delete", "Globex"],
            "Delete the organization Globex (id globex)? Its secure link stops working, and 1 open \
             session ends.",
        ),
        (
            &["users", "create", "globex", "--login", "gil"],
            "Create the first portal user of Globex? Its secure link will lead to the sign-in page, \
             and 1 open session ends.",
        ),
        (
            &["users", "disable", "ann"],
            "Disable ann? Sign-in is refused from now on, and so are the requests of 1 open session.",
        ),
        (
            &["users", "delete", "ann"],
            "Delete the portal user ann of Acme? 1 open session ends. Acme has no other portal user: \
             its secure link will open the portal without sign-in.",
        ),
        (
            &["preferences", "set", "--secure-with-password", "false"],
            "The secure links of 1 organization with portal users will open the portal without \
             sign-in, with the permissions of the Non-Portal User Group. Continue?",
        ),
        (
            &["preferences", "set", "--disabled-redirect-url", "https://status.example/"],
            "The portal will be disabled: all requests, those of 2 open sessions included, are \
             redirected to https://status.example/. Continue?",
        ),
        (&["sessions", "end", "--user", "ann"], "End 1 open session of ann?"),
        (
            &["sessions", "end", "--organization", "globex"],
            "End 1 open session of Globex that a secure link started?",
        ),
        (
            &["sessions", "end", "--all"],
            "End 2 open sessions of the portal, 1 of portal users and 1 of secure links?",
        ),
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
