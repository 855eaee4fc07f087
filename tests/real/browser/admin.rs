//! Pages of other sites, in a Chromium in which an administrator is signed in: they change nothing
//! behind the admin listener, and read nothing.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

const COOKIE: &str = "portcullis-admin";
/// A name of an attacker, which has the address of the admin listener.
const REBOUND: &str = "rebound.test";

/// Sends requests to `target` in every way that a page has, and waits for their end. The result has
/// a member for each, with what the page could read of the response, or null.
const TRY_ALL: &str = r#"
const groups = target + '/api/v1/groups';
const copy = groups + '/limited/copy';
const forged = JSON.stringify({ name: 'Forged', permissions: [] });
const ended = (element, events) => new Promise(resolve => {
  for (const event of events) element.addEventListener(event, () => resolve(event));
  setTimeout(() => resolve('timeout'), 8000);
});
const read = async (address, options) => {
  try {
    const response = await fetch(address, { credentials: 'include', ...options });
    return response.type === 'opaque' ? null : response.status + ' ' + await response.text();
  } catch {
    return null;
  }
};
const frame = async (name, address) => {
  const frame = document.createElement('iframe');
  frame.name = name;
  const loaded = ended(frame, ['load']);
  if (address) frame.src = address;
  document.body.append(frame);
  await loaded;
  return frame;
};
const contents = frame => {
  try { return frame.contentDocument.body.textContent; } catch { return null; }
};
const post = async (address, type, fields) => {
  const shown = await frame('form-' + Math.random());
  const form = document.createElement('form');
  Object.assign(form, { method: 'post', action: address, enctype: type, target: shown.name });
  for (const [name, value] of fields) {
    const input = document.createElement('input');
    Object.assign(input, { type: 'hidden', name, value });
    form.append(input);
  }
  document.body.append(form);
  const loaded = ended(shown, ['load']);
  form.submit();
  await loaded;
  return contents(shown);
};
const load = async (kind, address) => {
  const element = document.createElement(kind);
  const happened = ended(element, ['load', 'error']);
  element.src = address;
  document.body.append(element);
  return await happened === 'load' ? 'loaded' : null;
};
const opened = async (connection) => {
  const happened = await ended(connection, ['open', 'message', 'error']);
  connection.close();
  return happened === 'error' ? null : happened;
};
const text = { 'Content-Type': 'text/plain' };
const document_ = { 'Content-Type': 'application/json' };
return {
  'empty form': await post(copy, 'application/x-www-form-urlencoded', []),
  'form': await post(groups, 'application/x-www-form-urlencoded', [['name', 'Forged']]),
  'text form': await post(groups, 'text/plain',
    [['{"name":"Forged","permissions":[],"id":"', '"}']]),
  'multipart form': await post(groups, 'multipart/form-data', [['name', 'Forged']]),
  'read': await read(groups),
  'read without CORS': await read(groups, { mode: 'no-cors' }),
  'post without a body': await read(copy, { method: 'POST' }),
  'post without a body or CORS': await read(copy, { method: 'POST', mode: 'no-cors' }),
  'post text': await read(groups, { method: 'POST', headers: text, body: forged }),
  'post text without CORS':
    await read(groups, { method: 'POST', headers: text, body: forged, mode: 'no-cors' }),
  'post JSON': await read(groups, { method: 'POST', headers: document_, body: forged }),
  'delete': await read(groups + '/limited', { method: 'DELETE' }),
  'beacon': (navigator.sendBeacon(copy), null),
  'image': await load('img', groups),
  'script': await load('script', groups),
  'frame': contents(await frame('shown', groups)),
  'events': await opened(new EventSource(groups, { withCredentials: true })),
  'socket': await opened(new WebSocket(groups.replace('http', 'ws'))),
};
"#;

/// Sends requests to the page's own origin, and returns what it read.
const TRY_OWN: &str = r#"
const read = async (method, path, document) => {
  const body = document && JSON.stringify(document);
  const headers = document ? { 'Content-Type': 'application/json' } : {};
  const response = await fetch('/api/v1/' + path, { method, headers, body });
  return response.status + ' ' + await response.text();
};
return [
  await read('GET', 'groups'),
  await read('POST', 'groups', { name: 'Forged', permissions: [] }),
  await read('POST', 'groups/limited/copy'),
  await read('POST', 'session', { login: 'olga', password: PASSWORD }),
];
"#;

/// A gateway with an administrator, and the origin of its admin listener.
async fn gate() -> (TestGate, String) {
    let gate = TestGate::builder().setting("admin.require_mfa", "false").start().await;
    let olga = json!({ "login": "olga", "role": "owner", "password": PASSWORD, "mfa": false });
    gate.admin.post("/api/v1/administrators", olga).await.created();
    let origin = format!("http://{}", gate.admin_address);
    (gate, origin)
}

/// A server with a page that does nothing by itself.
async fn other_site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let page = "<!DOCTYPE html><title>Other site</title><body>Other site";
                let length = page.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\
                     content-length: {length}\r\n\r\n"
                );
                let mut request = [0; 4096];
                // A browser may open connections that it does not use.
                if matches!(stream.read(&mut request).await, Ok(1..)) {
                    let _ = stream.write_all(format!("{head}{page}").as_bytes()).await;
                }
            });
        }
    });
    address
}

/// Signs in from a page of the admin listener. Returns the cookie's value.
async fn sign_in(chrome: &Chrome) -> String {
    chrome.goto("/livez").await;
    let script = format!(
        "return fetch('/api/v1/session', {{
           method: 'POST',
           headers: {{ 'Content-Type': 'application/json' }},
           body: JSON.stringify({{ login: 'olga', password: '{PASSWORD}' }}),
         }}).then(response => response.status)"
    );
    assert_eq!(chrome.ask(&script).await, 201);
    chrome.cookie(COOKIE).await.unwrap()
}

/// What the page read at its own origin: status and body of each response.
async fn own(chrome: &Chrome) -> Vec<String> {
    let script = format!("return (async () => {{ const PASSWORD = '{PASSWORD}'; {TRY_OWN} }})()");
    serde_json::from_value(chrome.ask(&script).await).unwrap()
}

fn statuses(responses: &[String]) -> Vec<&str> {
    responses.iter().map(|response| response.split(' ').next().unwrap()).collect()
}

/// What a change would have changed: the groups, and the newest entry of the audit log.
async fn state(gate: &TestGate) -> [Value; 2] {
    let groups = gate.admin.get("/api/v1/groups").await.ok();
    [groups, gate.admin.get("/api/v1/audit?limit=1").await.ok()]
}

#[tokio::test]
async fn pages_of_other_sites_change_and_read_nothing() {
    let (gate, origin) = gate().await;
    let port = other_site().await.port();
    let chrome = Chrome::at_with_names(&origin, &["other.test"]).await;
    sign_in(&chrome).await;
    let before = state(&gate).await;
    // Only the first is of the same site as the admin listener, and gets a `SameSite` cookie sent.
    for host in ["127.0.0.1", "localhost", "other.test"] {
        chrome.visit(&format!("http://{host}:{port}/")).await;
        chrome.sees("Other site").await;
        let script = format!("return (async () => {{ const target = '{origin}'; {TRY_ALL} }})()");
        let found = chrome.ask(&script).await;
        let found = found.as_object().unwrap();
        assert_eq!(found.len(), 18);
        let read: Vec<_> = found.iter().filter(|(_, read)| !read.is_null()).collect();
        assert!(read.is_empty(), "{host}: {read:?}");
        assert_eq!(state(&gate).await, before, "{host}");
    }
    chrome.goto("/livez").await;
    let found = own(&chrome).await;
    assert_eq!(statuses(&found), ["200", "201", "201", "201"], "{found:?}");
    assert!(found[0].contains("Limited Portal Group"), "{found:?}");
    assert_ne!(state(&gate).await, before);
}

#[tokio::test]
async fn a_rebound_name_changes_and_reads_nothing() {
    let (gate, origin) = gate().await;
    let chrome = Chrome::at_with_names(&origin, &[REBOUND]).await;
    let cookie = sign_in(&chrome).await;
    let before = state(&gate).await;
    chrome.visit(&format!("http://{REBOUND}:{}/livez", gate.admin_address.port())).await;
    assert_eq!(chrome.cookie(COOKIE).await, None);
    let found = own(&chrome).await;
    assert_eq!(statuses(&found), ["401", "401", "401", "421"], "{found:?}");
    // Even with the cookie, which no site can read.
    chrome.ask(&format!("document.cookie = '{COOKIE}={cookie}'")).await;
    assert_eq!(chrome.cookie(COOKIE).await, Some(cookie));
    let found = own(&chrome).await;
    assert_eq!(statuses(&found), ["421"; 4], "{found:?}");
    assert!(!found.concat().contains("Limited Portal Group"), "{found:?}");
    assert_eq!(state(&gate).await, before);

    chrome.goto("/livez").await;
    assert_eq!(statuses(&own(&chrome).await), ["200", "201", "201", "201"]);
    assert_ne!(state(&gate).await, before);
}
