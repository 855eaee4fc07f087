//! The pages of `/docs`: what is on them, and what they may load.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::bench::Bench;
use crate::admin::{Access, guard, problem_type, routes};

struct Page {
    policy: String,
    text: String,
}

async fn page(bench: &Bench, path: &str) -> Page {
    let router = guard::router(routes::table(), bench.state.clone(), Access::Socket);
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Page { policy, text: String::from_utf8(body.to_vec()).unwrap() }
}

/// The paths of all pages.
fn paths() -> Vec<String> {
    let declarations = routes::table().declarations;
    let mut tags: Vec<_> =
        declarations.all().map(|(_, declared)| declared.operation.tag()).collect();
    tags.sort_unstable();
    tags.dedup();
    assert!(!tags.contains(&"problems"), "this path is that of the types of problems");
    let subjects = tags.into_iter().map(|tag| format!("/docs/{tag}"));
    ["/docs", "/docs/problems"].map(str::to_owned).into_iter().chain(subjects).collect()
}

/// The values of an attribute in a page.
fn values<'t>(text: &'t str, attribute: &str) -> Vec<&'t str> {
    let parts = text.split(attribute).skip(1);
    parts.map(|part| part.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn every_operation_is_on_the_page_of_its_subject() {
    let bench = Bench::start().await;
    let start = page(&bench, "/docs").await;
    for (path, declared) in routes::table().declarations.all() {
        let operation = declared.operation;
        let tag = operation.tag();
        let text = page(&bench, &format!("/docs/{tag}")).await.text;
        let (_, after) = text.split_once(&format!("<article id=\"{}\">", operation.id)).unwrap();
        let article = after.split("</article>").next().unwrap();
        assert!(article.contains(&format!("<code>{path}</code>")), "{path}");
        assert!(article.contains(&format!(">{}</span>", declared.method)), "{path}");
        for parameter in declared.query.iter().filter(|name| **name != "cursor") {
            assert!(article.contains(&format!("<code>{parameter}</code>")), "{path} {parameter}");
        }
        for problem in operation.refuses {
            assert!(article.contains(&format!("/docs/problems#{problem}\"")), "{path} {problem}");
        }
        assert!(start.text.contains(&format!("/docs/{tag}#{}\"", operation.id)), "{path}");
    }
}

#[tokio::test]
async fn every_type_of_problem_is_explained() {
    let bench = Bench::start().await;
    let text = page(&bench, "/docs/problems").await.text;
    for known in problem_type::ALL {
        assert!(text.contains(&format!("<dt id=\"{}\">", known.name)), "{}", known.name);
        assert!(text.contains(&format!("urn:portcullis:problem:{}</code>", known.name)));
    }
}

#[tokio::test]
async fn pages_have_no_script_and_load_nothing() {
    let bench = Bench::start().await;
    for path in paths() {
        let Page { policy, text } = page(&bench, &path).await;
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        for other in ["<script", "<iframe", "<img", "://", "url(", "@import", " on", " style="] {
            let is_there = match other {
                " on" => text.split('<').skip(1).any(|tag| {
                    tag.split('>').next().unwrap().split(' ').any(|word| word.starts_with("on"))
                }),
                other => text.contains(other),
            };
            assert!(!is_there, "{path} has {other}");
        }
        assert!(values(&text, "src=\"").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_link_of_a_page_leads_somewhere() {
    let bench = Bench::start().await;
    for path in paths() {
        let text = page(&bench, &path).await.text;
        let ids = values(&text, " id=\"");
        for address in values(&text, "href=\"") {
            if let Some(id) = address.strip_prefix('#') {
                assert!(ids.contains(&id), "{path} has no {id}");
                continue;
            }
            let known = paths().iter().any(|path| path == address.split('#').next().unwrap());
            assert!(known || ["/openapi.json", "data:,"].contains(&address), "{path}: {address}");
        }
    }
}

#[tokio::test]
async fn an_unknown_subject_is_not_found() {
    let bench = Bench::start().await;
    let answer = bench.get("/docs/nothing").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (404, "not-found"));
}

#[tokio::test]
async fn pages_need_a_caller() {
    let bench = Bench::start().await;
    for path in paths() {
        let request = Request::builder().uri(&path).header("host", "127.0.0.1:8081");
        let answer = bench.send(Access::Token, request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "token-missing"), "{path}");
    }
}

#[test]
fn docs_list_every_problem_type_with_its_status() {
    let docs = include_str!("../../../docs/api.md");
    let (_, table) = docs.split_once("| status | `type`, after").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut documented: Vec<(u16, &str)> = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let status = cells[1].trim().parse().unwrap();
        let names = cells[2].split('`').skip(1).step_by(2);
        documented.extend(names.map(|name| (status, name)));
    }
    documented.sort_unstable();
    let mut known: Vec<(u16, &str)> =
        problem_type::ALL.iter().map(|known| (known.status.as_u16(), known.name)).collect();
    known.sort_unstable();
    assert_eq!(documented, known);
}
