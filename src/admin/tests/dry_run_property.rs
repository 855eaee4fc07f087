//! A dry run misses no effect of the real write, over random sequences of writes: people's decisions
//! as `explain` gives them, sessions, mails and secure links before and after.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Value, json};

use super::bench::{Bench, PASSWORD};
use super::dry_run::{link_session, tried};
use crate::clock;
use crate::directory::access::secure_links::link_honoured;
use crate::directory::records::kind;
use crate::session::SessionFilter;

const STEPS: usize = 60;
const PERMISSIONS: [&str; 6] = [
    "portal.access",
    "tickets.create",
    "invoices.view",
    "invoices.pay",
    "tickets.view_all",
    "contracts.view",
];

/// Numbers that are reproducible from a seed (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    fn of<'a>(&mut self, list: &'a [String]) -> &'a str {
        if list.is_empty() { "nothing" } else { &list[self.below(list.len())] }
    }

    fn permissions(&mut self) -> Vec<&'static str> {
        PERMISSIONS.into_iter().filter(|_| self.below(2) == 0).collect()
    }
}

/// What can be observed from outside.
#[derive(Debug)]
struct Observed {
    /// The routes that each user, and each holder of a link, may use.
    allowed: BTreeMap<String, BTreeSet<String>>,
    /// The routes that visitors may use.
    public: BTreeSet<String>,
    sessions: BTreeSet<String>,
    mails: BTreeSet<String>,
    open_links: BTreeSet<String>,
    is_disabled: bool,
}

struct World {
    bench: Bench,
    /// A request for a route of each kind of access, with permissions that the writes use.
    requests: Vec<(String, String)>,
}

impl World {
    async fn new() -> Self {
        let bench = Bench::start().await;
        let routes = bench.get("/api/v1/routes").await.body;
        let mut kinds = BTreeSet::new();
        let routes = routes["items"].as_array().unwrap().iter().filter(|route| {
            let permissions = route["permissions"].as_array().unwrap();
            let is_used = |id: &Value| PERMISSIONS.contains(&id.as_str().unwrap());
            permissions.iter().all(is_used)
                && kinds.insert(format!("{} {permissions:?}", route["access"]))
        });
        let requests = routes.map(|route| {
            let path = route["path"]
                .as_str()
                .unwrap()
                .split('/')
                .map(|segment| if segment.starts_with('{') { "1" } else { segment });
            let path = path.collect::<Vec<_>>().join("/");
            (route["methods"][0].as_str().unwrap().to_owned(), path)
        });
        let requests: Vec<_> = requests.collect();
        assert!((4..20).contains(&requests.len()), "{requests:?}");
        Self { requests, bench }
    }

    async fn ids(&self, list: &str) -> Vec<String> {
        let list = self.bench.get(&format!("/api/v1/{list}")).await.body;
        let items = list["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn allowed(&self, who: &str, id: impl Into<Value>) -> BTreeSet<String> {
        let mut allowed = BTreeSet::new();
        let id: Value = id.into();
        for (method, target) in &self.requests {
            let question = json!({ who: &id, "method": method, "target": target });
            let answer = self.bench.post("/api/v1/explain", question).await.body;
            if answer["decision"] == "allow" {
                allowed.insert(answer["route"].as_str().unwrap().to_owned());
            }
        }
        allowed
    }

    async fn observe(&self) -> Observed {
        let directory = self.bench.directory();
        let mut allowed = BTreeMap::new();
        for user in self.ids("users").await {
            allowed.insert(format!("user {user}"), self.allowed("user", &*user).await);
        }
        let mut open_links = BTreeSet::new();
        for organization in self.ids("organizations").await {
            let link = self.allowed("link", &*organization).await;
            allowed.insert(format!("link {organization}"), link);
            let facts = directory.organization(&organization.as_str().into()).await;
            let facts = facts.unwrap().unwrap();
            if link_honoured(&directory.snapshot(), &facts, facts.link_generation) {
                open_links.insert(organization);
            }
        }
        let mails = self.bench.store.list(kind::MAIL, None, None, 10_000).await.unwrap();
        Observed {
            allowed,
            public: self.allowed("anonymous", true).await,
            sessions: self.sessions().await,
            mails: mails.into_iter().map(|mail| mail.id).collect(),
            open_links,
            is_disabled: directory.snapshot().preferences().disabled_redirect_url.is_some(),
        }
    }

    async fn sessions(&self) -> BTreeSet<String> {
        let sessions =
            self.bench.state.sessions.list(&SessionFilter::All, None, 1000, clock::now());
        sessions.await.unwrap().0.into_iter().map(|view| view.id).collect()
    }

    /// Sessions come and go without being written by an operator.
    async fn sign_in(&self, random: &mut Random) {
        let users = self.ids("users").await;
        let user = random.of(&users).to_owned();
        let facts = self.bench.directory().user(&user.as_str().into()).await.unwrap();
        if facts.is_some_and(|facts| facts.has_portal_access()) {
            self.bench.begin_session(&user).await;
        }
        let organizations = self.ids("organizations").await;
        if let Some(organization) = organizations.get(random.below(4)) {
            link_session(&self.bench, organization).await;
        }
    }

    /// A random write, which may be refused.
    async fn write(&self, random: &mut Random) -> (Method, String, Option<Value>) {
        let groups = self.ids("groups").await;
        let users = self.ids("users").await;
        let organizations = self.ids("organizations").await;
        let (group, user) = (random.of(&groups).to_owned(), random.of(&users).to_owned());
        let organization = random.of(&organizations).to_owned();
        let number = random.below(1000);
        let of = |owner: &str, id: &str, rest: &str| format!("/api/v1/{owner}/{id}{rest}");
        match random.below(22) {
            0 => {
                let body =
                    json!({ "name": format!("G{number}"), "permissions": random.permissions() });
                (Method::POST, "/api/v1/groups".to_owned(), Some(body))
            }
            1..=3 => {
                let body = json!({ "permissions": random.permissions() });
                (Method::PATCH, of("groups", &group, ""), Some(body))
            }
            4 => {
                let to = format!("?move_to={}", random.of(&groups));
                (Method::DELETE, of("groups", &group, &to), None)
            }
            5 => (Method::PATCH, of("groups", &group, ""), Some(json!({ "default": true }))),
            6 => (Method::POST, "/api/v1/organizations".to_owned(), {
                Some(json!({ "id": format!("o{}", number % 4), "name": "O" }))
            }),
            7 => (Method::DELETE, of("organizations", &organization, ""), None),
            8 => {
                let body = json!({ "enabled": random.below(2) == 0 });
                (Method::PATCH, of("organizations", &organization, "/link"), Some(body))
            }
            9 => (Method::POST, of("organizations", &organization, "/link/rotate"), None),
            10..=12 if users.len() < 8 => {
                let login = format!("u{number}@example.com");
                let mut body = json!({ "organization": organization, "login": login });
                if random.below(3) > 0 {
                    body["group"] = group.into();
                }
                match random.below(3) {
                    0 => body["invite"] = true.into(),
                    1 => body["password"] = PASSWORD.into(),
                    _ => {}
                }
                if body["invite"] == true {
                    body["send_to"] = login.into();
                }
                (Method::POST, "/api/v1/users".to_owned(), Some(body))
            }
            13 => (Method::PATCH, of("users", &user, ""), Some(json!({ "group": group }))),
            14 => {
                let body = json!({ "disabled": random.below(2) == 0 });
                (Method::PATCH, of("users", &user, ""), Some(body))
            }
            15 => (Method::DELETE, of("users", &user, ""), None),
            16 => {
                let body = json!({ "password": format!("Battery staple {number}?") });
                (Method::PUT, of("users", &user, "/password"), Some(body))
            }
            17 => (Method::POST, of("users", &user, "/invitation"), None),
            18 => (Method::DELETE, of("users", &user, "/invitation"), None),
            19 => {
                let body = json!({
                    "secure_with_password_if_portal_users_exist": random.below(2) == 0,
                });
                (Method::PATCH, "/api/v1/preferences".to_owned(), Some(body))
            }
            20 => {
                let url = (random.below(3) == 0).then_some("https://example.com/");
                let body = json!({ "disabled_redirect_url": url });
                (Method::PATCH, "/api/v1/preferences".to_owned(), Some(body))
            }
            _ => {
                let of = match random.below(3) {
                    0 => format!("user={user}"),
                    1 => format!("organization={organization}"),
                    _ => String::new(),
                };
                (Method::DELETE, format!("/api/v1/sessions?{of}"), None)
            }
        }
    }
}

/// How many people can use each route in `more` and not in `less`.
fn counted<'a>(more: &'a Observed, less: &'a Observed) -> BTreeMap<&'a str, u64> {
    let mut counts = BTreeMap::new();
    for (who, routes) in &more.allowed {
        let others = less.allowed.get(who).unwrap_or(&less.public);
        for route in routes.difference(others) {
            *counts.entry(route.as_str()).or_default() += 1;
        }
    }
    counts
}

/// How many people a dry run names for a route at least.
fn announced(changes: &Value, side: &str, route: &str) -> u64 {
    let with_route =
        changes[side].as_array().unwrap().iter().filter(|change| {
            change["routes"].as_array().unwrap().iter().any(|name| *name == *route)
        });
    let people = with_route.map(|change| change["people"].as_u64().unwrap()).max().unwrap_or(0);
    people.max(changes["access"][side].as_u64().unwrap())
}

fn compare(changes: &Value, before: &Observed, after: &Observed, what: &str) {
    let names: Vec<_> = changes["warnings"].as_array().unwrap().iter().collect();
    let warns = |name: &str| names.iter().any(|warning| warning["name"] == *name);
    if before.is_disabled == after.is_disabled {
        for (route, people) in counted(after, before) {
            assert!(announced(changes, "gains", route) >= people, "{what}: {route} {changes}");
        }
        for (route, people) in counted(before, after) {
            assert!(announced(changes, "loses", route) >= people, "{what}: {route} {changes}");
        }
    } else {
        assert!(warns("portal-disabled") || warns("portal-enabled"), "{what}: {changes}");
    }
    let ended = before.sessions.difference(&after.sessions).count();
    assert_eq!(changes["sessions_ended"], ended, "{what}: {changes}");
    let mails = after.mails.difference(&before.mails).count();
    assert_eq!(changes["mails"], mails, "{what}: {changes}");
    let closed: Vec<_> = before.open_links.difference(&after.open_links).collect();
    assert_eq!(changes["links_closed"], json!(closed), "{what}: {changes}");
    assert_eq!(warns("link-closes"), !closed.is_empty(), "{what}: {changes}");
}

#[tokio::test]
async fn a_dry_run_misses_no_effect_of_random_writes() {
    for seed in [7, 1_000_003] {
        let (world, mut random) = (World::new().await, Random(seed));
        for id in ["o0", "o1"] {
            let body = json!({ "id": id, "name": id });
            assert_eq!(world.bench.post("/api/v1/organizations", body).await.status, 201);
        }
        let (mut made, mut ended, mut closed) = (0, 0, 0);
        let mut before = world.observe().await;
        for step in 0..STEPS {
            world.sign_in(&mut random).await;
            before.sessions = world.sessions().await;
            let (method, path, body) = world.write(&mut random).await;
            let what = format!("seed {seed}, step {step}: {method} {path} {body:?}");
            let head = world.bench.store.head().await.unwrap();
            let dry = tried(&world.bench, method.clone(), &path, body.clone()).await;
            assert_eq!(world.bench.store.head().await.unwrap(), head, "{what}");
            let real = world.bench.ask(method, &path, body).await;
            if !real.status.is_success() {
                assert_eq!((dry.status, dry.code()), (real.status, real.code()), "{what}");
                continue;
            }
            assert_eq!(dry.status, 200, "{what}: {dry:?}");
            let after = world.observe().await;
            let changes = &dry.body["changes"];
            compare(changes, &before, &after, &what);
            before = after;
            made += 1;
            ended += changes["sessions_ended"].as_u64().unwrap();
            closed += changes["links_closed"].as_array().unwrap().len();
        }
        assert!(made > STEPS / 2 && ended > 5 && closed > 2, "{made} {ended} {closed}");
    }
}
