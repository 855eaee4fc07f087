//! Runs the cases and prints what came of each.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::case::{self, Case, State, What, Written};
use crate::client::{self, Got};
use crate::people;
use crate::proxy::{DEBIAN, Edition, Kind, Proxy};
use crate::support::browser::Browser;
use crate::support::upstream::folded;
use crate::target::{Site, Target};
use crate::traefik;

/// What came of a case.
#[derive(Debug)]
enum Outcome {
    Right(String),
    Wrong(String),
    /// Not run, and why.
    Left(&'static str),
}

/// Every case on one edition of a proxy, configured as the example that ships.
pub(crate) async fn on_proxy(kind: Kind, edition: Edition) {
    let gate = people::gate().await;
    let mut site = people::site(&gate, &format!("{kind:?}, {}", edition.name)).await;
    site.http2 = kind.speaks_http2();
    let proxy = Proxy::start(kind, edition, &kind.example(), &gate).await;
    every_case(Target::ours(gate, site, proxy.address)).await;
}

/// The cases about HTTP/2 on nginx, which without TLS takes nothing else then.
pub(crate) async fn on_nginx_with_http2() {
    let gate = people::gate().await;
    let mut site = people::site(&gate, "Nginx, Debian's, HTTP/2").await;
    site.http2 = true;
    let text = Kind::Nginx.example().replace("listen 80;", "listen 80 http2;");
    let proxy = Proxy::start(Kind::Nginx, DEBIAN, &text, &gate).await;
    let cases = case::all().into_iter().filter(|case| case.written.http2).collect();
    cases_on(Target::ours(gate, site, proxy.address), cases).await;
}

/// Every case on the client that speaks as Traefik does.
pub(crate) async fn on_traefik() {
    let gate = people::gate().await;
    let site = people::site(&gate, "Traefik, as these tests speak it").await;
    let settings = traefik::Settings::of_example();
    let proxy = settings.start((gate.address, gate.upstream.address)).await;
    every_case(Target::ours(gate, site, proxy.address)).await;
}

/// Every case that makes sense on the site of another program.
pub(crate) async fn on_target(file: &Path) {
    let site = Site::read(file);
    let recorder = site.recorder().await;
    match site.asked().map_err(str::to_owned) {
        Ok(address) => every_case(Target::foreign(site, address, recorder)).await,
        Err(endpoint) => {
            let settings = traefik::Settings::for_endpoint(&endpoint, &site.answer_fields);
            let proxy = settings.start_for(recorder.address).await;
            every_case(Target::foreign(site, proxy.address, recorder)).await;
        }
    }
}

async fn every_case(target: Target) {
    cases_on(target, case::all()).await;
}

async fn cases_on(target: Target, cases: Vec<Case>) {
    let target = Arc::new(target);
    let mut rows = Vec::new();
    for case in cases {
        let outcome = match left_out(&target, &case) {
            Some(why) => Outcome::Left(why),
            None => in_its_state(&target, &case).await,
        };
        rows.push((case.name, outcome));
    }
    println!("{}", table(&target.site.name, &rows));
    let wrong: Vec<&String> = rows
        .iter()
        .filter_map(|(name, outcome)| matches!(outcome, Outcome::Wrong(_)).then_some(name))
        .collect();
    assert!(wrong.is_empty(), "{}: {wrong:#?}", target.site.name);
}

/// Why a case is not run here.
fn left_out(target: &Target, case: &Case) -> Option<&'static str> {
    let Written { http2, state, session, not_on, .. } = &*case.written;
    let needs_ours = state.is_some() || matches!(case.what, What::Journey(_));
    if needs_ours && target.gate.is_none() {
        return Some("only with Portcullis");
    }
    if *http2 && !target.site.http2 {
        return Some("no HTTP/2 in the clear");
    }
    if not_on.iter().any(|name| target.site.name.starts_with(&**name)) {
        return Some("not with this proxy");
    }
    session.iter().any(|name| !target.site.sessions.contains_key(name)).then_some("no session")
}

/// Runs a case while the portal and the program are as it says.
async fn in_its_state(target: &Arc<Target>, case: &Case) -> Outcome {
    let gate = target.gate.as_ref();
    let disable = async |url: Value| {
        let change = json!({ "disabled_redirect_url": url });
        gate.unwrap().admin.patch("/api/v1/preferences", change).await.ok();
    };
    match case.written.state {
        None => {}
        Some(State::Disabled) => disable("https://status.example/".into()).await,
        Some(State::Slow) => gate.unwrap().pause().await,
        Some(State::Stopped) => {
            gate.unwrap().terminate();
            gate.unwrap().exited().await;
        }
    }
    target.portal().forget();
    let running = tokio::spawn(run(Arc::clone(target), case.clone()));
    let outcome = match running.await {
        Ok(Ok(got)) => Outcome::Right(got),
        Ok(Err(wrong)) => Outcome::Wrong(wrong),
        Err(panic) => {
            let panic = panic.into_panic();
            let text = panic.downcast_ref::<String>().cloned();
            Outcome::Wrong(text.unwrap_or_else(|| "it panicked".to_owned()))
        }
    };
    match case.written.state {
        None | Some(State::Stopped) => {}
        Some(State::Disabled) => disable(Value::Null).await,
        Some(State::Slow) => gate.unwrap().resume(),
    }
    outcome
}

async fn run(target: Arc<Target>, case: Case) -> Result<String, String> {
    let (method, path, spoofed) = match &case.what {
        What::Journey(name) => {
            let browser = Browser::new(target.address, &target.site.host);
            return Ok(people::journey(name, browser).await);
        }
        What::Request { method, target, spoofed } => (method, target, spoofed.as_deref()),
    };
    let sessions: Vec<&str> =
        case.written.session.iter().map(|name| &*target.site.sessions[name]).collect();
    let fields = client::fields(&case.written, &sessions, spoofed);
    let got = client::send(&target, &case.written, (method, path), &fields).await;
    check_answer(&target.site, &case.written, &got)
        .map_err(|wrong| format!("{wrong}; the portal got {}", target.portal().seen().len()))?;
    check_portal(&target, &case.written, (method, path), &got)?;
    Ok(got.status.to_string())
}

/// Whether the client got what the case says.
fn check_answer(site: &Site, written: &Written, got: &Got) -> Result<(), String> {
    let status = got.status;
    if !written.status.contains(&status) {
        let reason = got.field("portcullis-reason").unwrap_or_default();
        return Err(format!("{status} {reason}, not {:?}", written.status));
    }
    if let (Some(wanted), Some(reason)) = (&written.reason, got.field("portcullis-reason"))
        && wanted != reason
    {
        return Err(format!("{status}, but the reason is {reason}"));
    }
    if let Some(wanted) = written.location.as_ref().filter(|_| !site.any_location) {
        let location = got.field("location").unwrap_or_default();
        let here = format!("http://{}", site.host);
        if !location.strip_prefix(&here).unwrap_or(location).starts_with(wanted.as_str()) {
            return Err(format!("{status}, but it leads to {location:?}"));
        }
    }
    Ok(())
}

/// Whether the portal got what the case says, which is nothing if the request was refused.
fn check_portal(
    target: &Target,
    written: &Written,
    (method, path): (&str, &str),
    got: &Got,
) -> Result<(), String> {
    let site = &target.site;
    let seen = target.portal().seen();
    if !matches!(got.status, 101 | 200) {
        let reached: Vec<&String> = seen.iter().map(|seen| &seen.head.first).collect();
        return match reached.as_slice() {
            [] => Ok(()),
            some => Err(format!("{}, and the portal got {some:?}", got.status)),
        };
    }
    let [seen] = seen.as_slice() else {
        return Err(format!("{}, and the portal got {} requests", got.status, seen.len()));
    };
    let ensure = |holds: bool, what: &str| match holds {
        true => Ok(()),
        false => Err(format!("{what}: {} {:?}", seen.head.first, seen.head.fields)),
    };
    ensure(seen.method == method && seen.target == path, "another request")?;
    ensure(!seen.head.raw.to_ascii_lowercase().windows(4).any(|w| w == b"evil"), "evil")?;
    let cookies: Vec<&str> =
        seen.all("cookie").iter().flat_map(|line| line.split([';', ','])).map(str::trim).collect();
    let is_session = |cookie: &&&str| {
        let name = cookie.split('=').next().unwrap_or_default();
        site.session_cookies.iter().any(|ours| ours == name)
    };
    ensure(cookies.iter().find(is_session).is_none(), "the session's cookie")?;
    let kept: &[&str] = if written.session.is_empty() { &[] } else { &["lang=de", "theme=dark"] };
    ensure(cookies.iter().filter(|cookie| !cookie.is_empty()).eq(kept), "the cookies")?;
    if !written.http2
        && let Some(length) = written.body
    {
        ensure(seen.body().bytes.len() == length, "the body")?;
    }
    let one = |name: &str| seen.all(name).join(", ");
    ensure(one("authorization") == written.authorization, "the authorization")?;
    if let Some(field) = &site.user_field {
        ensure(one(field) == written.user, "the user")?;
    }
    if let Some(field) = &site.organization_field {
        let organization = site.organizations.get(&written.organization);
        ensure(one(field) == organization.map_or("", String::as_str), "the organization")?;
    }
    // No name but those of the identity may look like one of them.
    let identity: Vec<String> = site.identity_fields.iter().map(|name| folded(name)).collect();
    for (name, _) in &seen.head.fields {
        let known = site.identity_fields.iter().any(|known| known.eq_ignore_ascii_case(name));
        let alike = identity.iter().any(|known| folded(name).starts_with(known));
        ensure(known || !alike, "a name like the identity's")?;
    }
    Ok(())
}

fn table(name: &str, rows: &[(String, Outcome)]) -> String {
    let mut lines = vec![format!("\n{name}")];
    let mut counts = [0; 3];
    for (case, outcome) in rows {
        let (place, mark, text) = match outcome {
            Outcome::Right(got) => (0, "ok", got.as_str()),
            Outcome::Wrong(wrong) => (1, "WRONG", wrong.as_str()),
            Outcome::Left(why) => (2, "-", *why),
        };
        counts[place] += 1;
        lines.push(format!("  {mark:5}  {case:72}  {text}"));
    }
    let [right, wrong, left] = counts;
    lines.push(format!("  {right} right, {wrong} wrong, {left} not run"));
    lines.join("\n")
}
