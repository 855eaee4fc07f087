//! Every route with every role, in and out of a scope, as the table declares them.

use std::collections::HashMap;

use axum::body::Body;
use data_encoding::BASE64URL_NOPAD;
use http::{Method, Request};
use serde_json::{Value, json};

use super::bench::{Answer, Bench};
use crate::admin::authority::{Authority, Reach};
use crate::admin::table::Declaration;
use crate::admin::{Access, routes};
use crate::directory::records::{Rights, Role, Scope};

/// Two organizations with the same kinds of records.
struct World {
    bench: Bench,
    /// The user, the end user, the mail and the token of each.
    ids: HashMap<&'static str, [String; 4]>,
    administrator: String,
    api_token: String,
    job: String,
    trial: String,
}

const ORGANIZATIONS: [&str; 2] = ["acme", "globex"];

impl World {
    async fn start() -> Self {
        let bench = Bench::start().await;
        let mut ids = HashMap::new();
        for organization in ORGANIZATIONS {
            let user = bench.person(organization, &format!("{organization}-user"), "limited").await;
            let path = format!("/api/v1/organizations/{organization}/end-users");
            let body = json!({ "name": "Ann", "email": format!("ann@{organization}.example") });
            let end_user = bench.post(&path, body).await.id();
            let invited = json!({
                "organization": organization, "end_user": end_user, "invite": true
            });
            let invited = bench.post("/api/v1/users", invited).await;
            assert_eq!(invited.status, 201, "{invited:?}");
            let login = invited.body["login"].as_str().unwrap();
            let mail = bench.get(&format!("/api/v1/mail?login={login}")).await;
            let mail = mail.body["items"][0]["id"].as_str().unwrap().to_owned();
            let tokens = format!("/api/v1/users/{user}/tokens");
            let token = bench.post(&tokens, json!({ "name": "ci" })).await.id();
            ids.insert(organization, [user, end_user, mail, token]);
        }
        let new = json!({ "login": "olga", "role": "owner", "password": super::bench::PASSWORD });
        let administrator = bench.post("/api/v1/administrators", new).await.id();
        let api_token = bench.post("/api/v1/tokens", json!({ "name": "x" })).await.id();
        let bulk = json!({
            "apply_to": "organizations", "organizations": "all", "action": "disable",
        });
        let job = bench.post("/api/v1/bulk", bulk).await.id();
        let new = json!({ "organization": "acme", "reason": "x" });
        let trial = bench.post("/api/v1/policy/trials", new).await.id();
        Self { bench, ids, administrator, api_token, job, trial }
    }

    /// The path of a record of an organization. What a request may remove is made for it.
    async fn path(&self, declared: &str, organization: &str) -> String {
        let [user, end_user, mail, token] = &self.ids[organization];
        let id = match declared.trim_start_matches("/api/v1/").split('/').next().unwrap() {
            "organizations" => organization.to_owned(),
            "users" => user.clone(),
            "mail" => mail.clone(),
            "sessions" => self.bench.begin_session(user).await.to_string(),
            "lockouts" => {
                self.bench.fail_to_sign_in(&format!("{organization}-user")).await;
                BASE64URL_NOPAD.encode(format!("account:{organization}-user").as_bytes())
            }
            "audit" => {
                let path = format!("/api/v1/audit?organization={organization}");
                self.bench.get(&path).await.body["items"][0]["number"].to_string()
            }
            "groups" => "limited".to_owned(),
            "administrators" => self.administrator.clone(),
            "tokens" => self.api_token.clone(),
            "jobs" => self.job.clone(),
            "policy" => self.trial.clone(),
            "portal-servers" => "127.0.0.1:9".to_owned(),
            _ => String::new(),
        };
        let path = declared.replace("{id}", &id).replace("{end_user}", end_user);
        path.replace("{token}", token).replace("{tag}", "users")
    }

    async fn bearer(&self, role: Role, scope: Scope) -> String {
        let rights = Rights { role, scope, impersonate: false };
        format!("Bearer {}", self.bench.token_of(rights).await)
    }

    async fn send(
        &self,
        bearer: &str,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        self.ask(bearer, method, path, body, false).await
    }

    /// Sends a request; with `at_version`, to a version that no record has, so that it changes none.
    async fn ask(
        &self,
        bearer: &str,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        at_version: bool,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:8081")
            .header("authorization", bearer);
        if at_version {
            request = request.header("if-match", "\"999999\"");
        }
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.bench.send(Access::Token, request.unwrap()).await
    }

    async fn get(&self, bearer: &str, path: &str) -> Answer {
        self.send(bearer, &Method::GET, path, None).await
    }
}

fn acme() -> Scope {
    Scope::only(["acme".into()])
}

#[tokio::test]
async fn i10_routes_are_open_to_declared_roles_and_scopes_only() {
    let world = World::start().await;
    let declarations = routes::table().declarations;
    for role in Role::ALL {
        for scope in [Scope::ALL, acme()] {
            let bearer = world.bearer(role, scope.clone()).await;
            for (declared, Declaration { method, authority, reach, reads_version, .. }) in
                declarations.all()
            {
                if *authority == Authority::Public {
                    continue;
                }
                for organization in ORGANIZATIONS {
                    let path = world.path(declared, organization).await;
                    let body = body_for(method, declared);
                    let answer =
                        world.ask(&bearer, method, &path, body.as_ref(), *reads_version).await;
                    let at = format!("{role:?} {scope:?} {organization}: {method} {declared}");
                    // With a scope, only the caller's own jobs are shown.
                    let is_outside = !scope.includes(organization) || declared.contains("/jobs/");
                    let of_other = declared.contains("{id}") && scope.is_limited() && is_outside;
                    if !authority.includes(role) {
                        assert_eq!(answer.code(), "role-required", "{at}: {answer:?}");
                        assert_names_a_role(&answer, *authority);
                    } else if *reach == Reach::Gateway && scope.is_limited() {
                        assert_eq!(answer.code(), "out-of-scope", "{at}: {answer:?}");
                        assert_names_a_role(&answer, *authority);
                    } else if *reach == Reach::Organizations && of_other {
                        assert_eq!(answer.status, 404, "{at}: {answer:?}");
                    } else {
                        let status = answer.status.as_u16();
                        // A token has no session of its own to end.
                        let own = declared.ends_with("/session") && method == Method::DELETE;
                        let own = own || declared.contains("/session/");
                        let closed = [401, 403, 404, 405, 500, 503];
                        assert!(own || !closed.contains(&status), "{at}: {answer:?}");
                    }
                }
            }
        }
    }
}

/// A body that the route takes.
fn body_for(method: &Method, declared: &str) -> Option<Value> {
    let last = declared.rsplit('/').next().unwrap();
    match (method.as_str(), last) {
        ("PATCH", "link") => Some(json!({ "enabled": true })),
        ("PATCH", _) => Some(json!({})),
        ("POST", "end-users") => Some(json!({ "name": "Ann" })),
        ("POST" | "PUT", "password") => Some(json!({ "password": super::bench::PASSWORD })),
        ("POST", "tokens") => Some(json!({ "name": "other" })),
        _ => None,
    }
}

fn assert_names_a_role(answer: &Answer, authority: Authority) {
    assert_eq!(answer.status, 403);
    let named = answer.body["role"].as_str().unwrap();
    let role = Role::ALL.into_iter().find(|role| role.name() == named).unwrap();
    assert!(authority.includes(role), "{answer:?}");
}

#[tokio::test]
async fn i10_outside_of_a_scope_is_as_unknown() {
    let world = World::start().await;
    let bearer = world.bearer(Role::Administrator, acme()).await;
    let [user, end_user, ..] = &world.ids["globex"];
    let of_acme = &world.ids["acme"][0];
    let link = world.bench.get("/api/v1/organizations/globex/link").await;
    let link = link.body["url"].as_str().unwrap();
    let unknown_link = link.replace("globex", "nowhere");
    let ask = |who: Value| {
        let mut body = json!({ "method": "GET", "target": "/" });
        body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        body
    };
    let new = |organization: &str| json!({ "organization": organization, "login": "zoe" });
    let of = |end_user: &str| json!({ "organization": "acme", "end_user": end_user, "login": "z" });
    for (method, path, body, unknown_path, unknown_body) in [
        ("GET", "/organizations/globex", None, "/organizations/nowhere", None),
        ("GET", &*format!("/users/{user}"), None, "/users/unknown", None),
        ("GET", "/users?organization=globex", None, "/users?organization=nowhere", None),
        ("GET", &format!("/users?end_user={end_user}"), None, "/users?end_user=unknown", None),
        ("GET", "/users?login=globex-user", None, "/users?login=unknown", None),
        ("GET", "/users?login_prefix=globex", None, "/users?login_prefix=unknown", None),
        ("GET", "/sessions?organization=globex", None, "/sessions?organization=nowhere", None),
        ("GET", &format!("/sessions?user={user}"), None, "/sessions?user=unknown", None),
        ("DELETE", "/sessions?organization=globex", None, "/sessions?organization=nowhere", None),
        ("GET", "/mail?login=globex-user", None, "/mail?login=unknown", None),
        ("DELETE", "/lockouts?login=globex-user", None, "/lockouts?login=unknown", None),
        ("GET", "/audit?organization=globex", None, "/audit?organization=nowhere", None),
        ("GET", &format!("/audit?user={user}"), None, "/audit?user=unknown", None),
        ("POST", "/users", Some(new("globex")), "/users", Some(new("nowhere"))),
        ("POST", "/users", Some(of(end_user)), "/users", Some(of("unknown"))),
        (
            "PATCH",
            &format!("/users/{of_acme}"),
            Some(json!({ "end_user": end_user })),
            &format!("/users/{of_acme}"),
            Some(json!({ "end_user": "unknown" })),
        ),
        (
            "POST",
            "/explain",
            Some(ask(json!({ "user": "globex-user" }))),
            "/explain",
            Some(ask(json!({ "user": "unknown" }))),
        ),
        (
            "POST",
            "/explain",
            Some(ask(json!({ "user": user }))),
            "/explain",
            Some(ask(json!({ "user": "unknown" }))),
        ),
        (
            "POST",
            "/explain",
            Some(ask(json!({ "link": "globex" }))),
            "/explain",
            Some(ask(json!({ "link": "nowhere" }))),
        ),
        (
            "POST",
            "/explain",
            Some(ask(json!({ "link": link }))),
            "/explain",
            Some(ask(json!({ "link": unknown_link }))),
        ),
    ] {
        let method = method.parse().unwrap();
        world.bench.fail_to_sign_in("globex-user").await;
        let [outside, unknown] = [(path, body), (unknown_path, unknown_body)];
        let outside = world
            .send(&bearer, &method, &format!("/api/v1{}", outside.0), outside.1.as_ref())
            .await;
        let unknown = world
            .send(&bearer, &method, &format!("/api/v1{}", unknown.0), unknown.1.as_ref())
            .await;
        let neutral = |answer: &Answer| {
            let mut text = answer.body.to_string();
            for id in [user.as_str(), end_user, "globex-user", "globex", "nowhere", "unknown"] {
                text = text.replace(id, "X");
            }
            text
        };
        assert_eq!(outside.status, unknown.status, "{method} {path}: {outside:?}");
        assert_eq!(neutral(&outside), neutral(&unknown), "{method} {path}");
    }
}

#[tokio::test]
async fn i10_lists_leave_out_the_rest_and_count_it_unfiltered() {
    let world = World::start().await;
    for organization in ORGANIZATIONS {
        world.bench.begin_session(&world.ids[organization][0]).await;
        for _ in 0..5 {
            world.bench.fail_to_sign_in(&format!("{organization}-user")).await;
        }
    }
    let bearer = world.bearer(Role::Auditor, acme()).await;
    for (path, filter, hidden) in [
        ("organizations", None, Some(1)),
        ("users", Some("status=active"), Some(2)),
        ("users", Some("group=limited"), Some(2)),
        ("sessions", Some("organization=acme"), Some(1)),
        ("mail", Some("state=waiting"), Some(1)),
        ("audit", Some("kind=user.created"), None),
        ("lockouts", None, Some(1)),
        ("organizations/acme/end-users", None, None),
    ] {
        let list = world.get(&bearer, &format!("/api/v1/{path}")).await;
        assert_eq!(list.status, 200, "{path}: {list:?}");
        assert!(!list.body.to_string().contains("globex"), "{path}: {:?}", list.body);
        assert!(!list.body["items"].as_array().unwrap().is_empty(), "{path}");
        if let Some(hidden) = hidden {
            assert_eq!(list.body["hidden"], hidden, "{path}");
        }
        let Some(filter) = filter else { continue };
        let filtered = world.get(&bearer, &format!("/api/v1/{path}?{filter}")).await;
        assert!(!filtered.body["items"].as_array().unwrap().is_empty(), "{path} {filter}");
        assert!(!filtered.body.to_string().contains("globex"), "{path}: {:?}", filtered.body);
        assert!(filtered.body.get("hidden").is_none(), "{path}?{filter}");
    }
    let groups = world.get(&bearer, "/api/v1/groups/limited").await;
    assert_eq!(groups.body["users"], 1, "members outside are not counted");
    let all = world.bearer(Role::Auditor, Scope::ALL).await;
    let all = world.get(&all, "/api/v1/organizations").await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2);
    assert!(all.body.get("hidden").is_none());
}

#[tokio::test]
async fn i10_pages_of_a_scope_continue_where_they_ended() {
    let world = World::start().await;
    for number in 0..7 {
        let body = json!({ "organization": "acme", "login": format!("more-{number}") });
        world.bench.post("/api/v1/users", body).await;
    }
    let bearer = world.bearer(Role::Auditor, acme()).await;
    for path in ["users", "users?group=admin", "audit?kind=user.created"] {
        let mark = if path.contains('?') { '&' } else { '?' };
        let all = world.get(&bearer, &format!("/api/v1/{path}")).await.body["items"].clone();
        let (mut paged, mut next) = (Vec::new(), String::new());
        loop {
            let page = world.get(&bearer, &format!("/api/v1/{path}{mark}limit=2{next}")).await.body;
            paged.extend(page["items"].as_array().unwrap().clone());
            let Some(after) = page["next"].as_str() else { break };
            next = format!("&after={after}");
        }
        assert_eq!(Value::from(paged), all, "{path}");
    }
}
