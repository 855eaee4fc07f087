//! A dry run misses no effect of the real write, over random sequences of writes: people's decisions
//! as `explain` gives them, sessions, mails, tokens, mailed and secure links before and after.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Value, json};

use super::bench::{Bench, PASSWORD};
use super::dry_run::{link_session, tried};
use crate::clock;
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::access::administrators::SessionUse;
use crate::directory::access::password_links::MailedLink;
use crate::directory::access::secure_links::link_honoured;
use crate::directory::fixture::by_operator_at;
use crate::directory::records::{
    AdminSession, AdminSessionId, Administrator, Mail, Occasion, Stored, kind, put,
};
use crate::session::SessionFilter;
use portcullis_store::Expect;

const STEPS: usize = 80;
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
    /// Those of portal users, links and administrators.
    sessions: BTreeSet<String>,
    mails: BTreeSet<String>,
    /// The users with an open invitation, and those with an open reset link.
    mailed_links: [BTreeSet<String>; 2],
    /// The tokens of portal users.
    tokens: BTreeSet<String>,
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

    /// The records of a list in the order of their names: ids are random, and the choices of a run
    /// must depend on its seed only.
    async fn items(&self, list: &str) -> Vec<Value> {
        let list = self.bench.get(&format!("/api/v1/{list}")).await.body;
        let mut items = list["items"].as_array().unwrap().clone();
        items.sort_by_key(|item| {
            ["login", "name", "id"].map(|field| item[field].as_str().unwrap_or_default().to_owned())
        });
        items
    }

    async fn ids(&self, list: &str) -> Vec<String> {
        let items = self.items(list).await;
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The ids of an owner's records, with the owner's: organizations' end users, users' tokens.
    async fn ids_of(&self, owners: &str, list: &str) -> Vec<(String, String)> {
        let mut ids = Vec::new();
        for owner in self.ids(owners).await {
            let of_owner = self.ids(&format!("{owners}/{owner}/{list}")).await;
            ids.extend(of_owner.into_iter().map(|id| (owner.clone(), id)));
        }
        ids
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
        Observed {
            allowed,
            public: self.allowed("anonymous", true).await,
            sessions: self.sessions().await,
            mails: self.mails().await,
            mailed_links: self.mailed_links().await,
            tokens: self.ids_of("users", "tokens").await.into_iter().map(|(_, id)| id).collect(),
            open_links,
            is_disabled: directory.snapshot().preferences().disabled_redirect_url.is_some(),
        }
    }

    async fn mails(&self) -> BTreeSet<String> {
        let mails = self.bench.store.list(kind::MAIL, None, None, 10_000).await.unwrap();
        mails.into_iter().map(|mail| mail.id).collect()
    }

    async fn mailed_links(&self) -> [BTreeSet<String>; 2] {
        let (directory, now) = (self.bench.directory(), clock::now());
        let mut users = [BTreeSet::new(), BTreeSet::new()];
        for mail in directory.records().read().all_intact::<Mail>(None).await.unwrap() {
            let link = directory.password_links().mailed(&mail, now).await.unwrap();
            let (MailedLink::Valid(token), Some(occasion)) = (link, mail.doc.occasion.link())
            else {
                continue;
            };
            let links = directory.password_links();
            let holder = links.holder(occasion, token.expose(), None, now).await.unwrap().holder();
            assert!(holder.is_some());
            users[usize::from(occasion == Occasion::Reset)].insert(mail.doc.user.to_string());
        }
        users
    }

    async fn sessions(&self) -> BTreeSet<String> {
        let (state, now) = (&self.bench.state, clock::now());
        let sessions = state.sessions.list(&SessionFilter::All, None, 1000, now);
        let mut ids: BTreeSet<_> =
            sessions.await.unwrap().0.into_iter().map(|view| view.id).collect();
        let records = self.bench.store.list(kind::ADMIN_SESSION, None, None, 1000).await.unwrap();
        for record in records {
            let (token, administrators) =
                (TokenHash::parse(&record.id).unwrap(), state.directory.administrators());
            if administrators
                .session(&token, state.rules, SessionUse::Attended, now)
                .await
                .unwrap()
                .is_some()
            {
                ids.insert(record.id);
            }
        }
        ids
    }

    /// Signs an administrator in, if there is one.
    async fn sign_in_administrator(&self, random: &mut Random) {
        let (records, now) = (self.bench.directory().records(), clock::now());
        let mut all = records.read().all_intact::<Administrator>(None).await.unwrap();
        all.sort_by(|a, b| a.doc.login.cmp(&b.doc.login));
        let Some(Stored { id, doc, .. }) = all.get(random.below(4)) else { return };
        let session = AdminSession {
            administrator: id.clone(),
            generation: doc.generation,
            created: now,
            last_seen: now,
            address: "192.0.2.7".parse().unwrap(),
        };
        let id = AdminSessionId::from(PlainToken::generate().hash().to_string());
        let write = put(&id, Expect::Absent, &session);
        records.commit(&by_operator_at(now), vec![write]).await.unwrap();
    }

    /// What is not written by an operator: sessions begin, links are asked for.
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
        self.sign_in_administrator(random).await;
        if random.below(3) == 0 {
            let users = self.items("users").await;
            let logins: Vec<_> =
                users.iter().map(|user| user["login"].as_str().unwrap().to_owned()).collect();
            let asked = self.bench.directory().resets().ask(random.of(&logins), None, clock::now());
            let _ = asked.await.unwrap();
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
        match random.below(42) {
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
                if body["invite"] == true && random.below(3) == 0 {
                    body["send_to"] = login.into();
                }
                if random.below(2) == 0
                    && let Some((organization, end_user)) =
                        self.ids_of("organizations", "end-users").await.first()
                {
                    body["organization"] = organization.as_str().into();
                    body["end_user"] = end_user.as_str().into();
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
            21..=30 => self.write_about_people(random, (&user, &organization), number).await,
            31..=37 => self.write_about_administrators(random, number).await,
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

    /// A random write about addresses, logins and tokens.
    async fn write_about_people(
        &self,
        random: &mut Random,
        (user, organization): (&str, &str),
        number: usize,
    ) -> (Method, String, Option<Value>) {
        let email = (random.below(4) > 0).then(|| format!("e{number}@example.com"));
        let of = |owner: &str, id: &str, rest: &str| format!("/api/v1/{owner}/{id}{rest}");
        let end_users = self.ids_of("organizations", "end-users").await;
        let end_user = end_users.get(random.below(end_users.len().max(1)));
        match random.below(7) {
            0 => {
                let body = Some(json!({ "email": email }));
                (Method::PATCH, of("organizations", organization, ""), body)
            }
            1 => {
                let body = Some(json!({ "name": format!("E{number}"), "email": email }));
                (Method::POST, of("organizations", organization, "/end-users"), body)
            }
            2 if let Some((organization, end_user)) = end_user => {
                let path = of("organizations", organization, &format!("/end-users/{end_user}"));
                (Method::PATCH, path, Some(json!({ "email": email })))
            }
            3 if let Some((_, end_user)) = end_user => {
                let end_user = (random.below(3) > 0).then_some(end_user);
                let body = Some(json!({ "end_user": end_user }));
                (Method::PATCH, of("users", user, ""), body)
            }
            4 => {
                let body = Some(json!({ "login": format!("l{number}@example.com") }));
                (Method::PATCH, of("users", user, ""), body)
            }
            5 => {
                let tokens = self.ids_of("users", "tokens").await;
                match tokens.first() {
                    Some((user, token)) => {
                        (Method::DELETE, of("users", user, &format!("/tokens/{token}")), None)
                    }
                    None => (Method::DELETE, of("users", user, ""), None),
                }
            }
            _ => {
                let body = Some(json!({ "name": format!("T{number}") }));
                (Method::POST, of("users", user, "/tokens"), body)
            }
        }
    }

    /// A random write about administrators.
    async fn write_about_administrators(
        &self,
        random: &mut Random,
        number: usize,
    ) -> (Method, String, Option<Value>) {
        let administrators = self.ids("administrators").await;
        if administrators.len() < 2 {
            let body =
                json!({ "login": format!("a{number}"), "role": "owner", "password": PASSWORD });
            return (Method::POST, "/api/v1/administrators".to_owned(), Some(body));
        }
        let id = random.of(&administrators);
        let of = |rest: &str| format!("/api/v1/administrators/{id}{rest}");
        match random.below(5) {
            0 => (Method::PUT, of("/password"), Some(json!({ "password": "Battery staple 8?" }))),
            1 => (Method::POST, of("/mfa"), None),
            2 => (Method::PATCH, of(""), Some(json!({ "role": "auditor" }))),
            3 => (Method::DELETE, of("/sessions"), None),
            _ => (Method::DELETE, of(""), None),
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

/// The detail of the warning with this name; empty without one.
fn detail<'a>(changes: &'a Value, name: &str) -> &'a str {
    let mut warnings = changes["warnings"].as_array().unwrap().iter();
    let warning = warnings.find(|warning| warning["name"] == *name);
    warning.map_or("", |warning| warning["detail"].as_str().unwrap())
}

/// How many mailed links end, and how many tokens.
fn compare_credentials(
    changes: &Value,
    before: &Observed,
    after: &Observed,
    what: &str,
) -> [usize; 2] {
    let mut links = 0;
    for (place, name) in ["invitation-ends", "reset-ends"].into_iter().enumerate() {
        let ended = before.mailed_links[place].difference(&after.mailed_links[place]).count();
        let named = detail(changes, name).matches('`').count() / 2;
        assert_eq!(named, ended.min(5), "{what}: {name} {changes}");
        links += ended;
    }
    let revoked = before.tokens.difference(&after.tokens).count();
    let detail = detail(changes, "tokens-revoked");
    let announced = detail.split(' ').next().unwrap().parse().unwrap_or(0);
    assert_eq!(revoked, announced, "{what}: {changes}");
    [links, revoked]
}

fn compare(changes: &Value, before: &Observed, after: &Observed, what: &str) -> [usize; 2] {
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
    compare_credentials(changes, before, after, what)
}

#[tokio::test]
async fn a_dry_run_misses_no_effect_of_random_writes() {
    let (mut made, mut ended, mut closed, mut links, mut tokens) = (0, 0, 0, 0, 0);
    for seed in [7, 1_000_003] {
        let (world, mut random) = (World::new().await, Random(seed));
        for id in ["o0", "o1"] {
            let body = json!({ "id": id, "name": id });
            assert_eq!(world.bench.post("/api/v1/organizations", body).await.status, 201);
        }
        let mut before = world.observe().await;
        for step in 0..STEPS {
            world.sign_in(&mut random).await;
            before.sessions = world.sessions().await;
            before.mails = world.mails().await;
            before.mailed_links = world.mailed_links().await;
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
            let [more_links, more_tokens] = compare(changes, &before, &after, &what);
            before = after;
            (made, links, tokens) = (made + 1, links + more_links, tokens + more_tokens);
            ended += changes["sessions_ended"].as_u64().unwrap();
            closed += changes["links_closed"].as_array().unwrap().len();
        }
    }
    assert!(made > STEPS && ended > 10 && closed > 4, "{made} {ended} {closed}");
    assert!(links > 0 && tokens > 0, "{links} {tokens}");
}
