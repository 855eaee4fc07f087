//! Node-RED behind the gateway, with the policy of `policies/examples/node-red`.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::program::{Person, Program, Setup, Upload, echo};
use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::chrome::Chrome;
use crate::support::client::within;

/// The account for what flows serve: `gateway`, `for tests only`.
const ACCOUNT: &str = "Basic Z2F0ZXdheTpmb3IgdGVzdHMgb25seQ==";

pub(super) static NODE_RED: Setup = Setup {
    name: "node-red",
    settings: &[
        ("upstream.readings", r#"["case", "slash"]"#),
        ("identity.basic.user", "\"gateway\""),
        ("identity.basic.password", "\"for tests only\""),
    ],
    ready: "/editor/settings",
    masks: &[],
    fields: &[("authorization", ACCOUNT)],
};

const FILE: Upload<'static> = Upload {
    field: "file",
    name: "report.pdf",
    kind: "application/pdf",
    bytes: b"%PDF-1.7\r\n\x00\xff\xfe a small file",
};

/// An application: a page, a form with a file, the file again, a WebSocket that echoes, and a node
/// that is triggered by hand.
fn flows(greeting: &str) -> Value {
    let http_in = |id: &str, method: &str, url: &str, upload: bool, next: &str| {
        json!({ "id": id, "type": "http in", "z": "tab", "url": url, "method": method,
                "upload": upload, "wires": [[next]] })
    };
    let function = |id: &str, code: &str| {
        json!({ "id": id, "type": "function", "z": "tab", "func": code, "outputs": 1,
                "wires": [["answer"]] })
    };
    json!([
        { "id": "tab", "type": "tab", "label": "Test" },
        { "id": "answer", "type": "http response", "z": "tab", "wires": [] },
        http_in("page", "get", "/hello", false, "hello"),
        function(
            "hello",
            &format!("msg.payload = `<h1>{greeting} ${{msg.req.headers['portcullis-user']}}</h1>`; return msg;"),
        ),
        http_in("form", "post", "/upload", true, "store"),
        function("store", "const file = msg.req.files[0]; flow.set('file', file.buffer); \
            msg.payload = { name: file.originalname, size: file.size, note: msg.payload.note }; return msg;"),
        http_in("file", "get", "/file", false, "load"),
        function("load", "msg.payload = flow.get('file'); \
            msg.headers = { 'content-type': 'application/pdf' }; return msg;"),
        { "id": "echo", "type": "websocket-listener", "path": "/ws/echo", "wholemsg": "false" },
        { "id": "in", "type": "websocket in", "z": "tab", "server": "echo", "wires": [["out"]] },
        { "id": "out", "type": "websocket out", "z": "tab", "server": "echo", "wires": [] },
        { "id": "button", "type": "inject", "z": "tab", "props": [{ "p": "payload" }],
          "payload": "pressed by hand", "payloadType": "str", "repeat": "", "crontab": "",
          "once": false, "onceDelay": 0.1, "topic": "", "wires": [["shown"]] },
        { "id": "shown", "type": "debug", "z": "tab", "active": true, "tosidebar": true,
          "complete": "payload", "targetType": "msg", "wires": [] },
    ])
}

/// Deploys the flows, and waits until they run.
async fn deploy(person: &mut Person) {
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("node-red-api-version", "v2"),
        ("node-red-deployment-type", "full"),
        ("origin", "http://portal.test"),
    ];
    let body = |greeting: &str| json!({ "flows": flows(greeting) }).to_string().into_bytes();
    let first = |_: &Browser| body("First");
    let deployed = person.send(Method::POST, "/editor/flows", &headers, first).await;
    assert_eq!(deployed.status, 200, "{deployed:?}");
    // Node-RED answers before the flows run, and deploys one after the other.
    let last = person.browser.send(Method::POST, "/editor/flows", &headers, body("Hello")).await;
    assert_eq!(last.status, 200, "{last:?}");
    within("the flows", async {
        let mut tries = tokio::time::interval(Duration::from_millis(50));
        while !person.browser.open("/app/hello").await.text().contains("Hello") {
            tries.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn node_red_developers_deploy_and_users_use() {
    let red = Program::start(&NODE_RED).await;
    let mut developer = red.person("dora", "admin").await;
    let mut user = red.person("uma", "limited").await;
    let mut visitor = red.visitor();
    // What the editor loads.
    developer.reads("/editor/", "Node-RED").await;
    for target in [
        "/editor/red/red.min.js",
        "/editor/red/style.min.css",
        "/editor/vendor/vendor.js",
        "/editor/settings",
        "/editor/locales/editor?lng=en-US",
        "/editor/locales/nodes?lng=en-US",
        "/editor/nodes",
        "/editor/icons",
        "/editor/icons/node-red/inject.svg",
        "/editor/plugins",
        "/editor/settings/user",
        "/editor/flows",
        "/editor/library/local/flows/",
    ] {
        let reply = developer.get(target).await;
        assert_eq!(reply.status, 200, "{target}: {reply:?}");
        user.refused(Method::GET, target, 403, "missing-permission").await;
        visitor.refused(Method::GET, target, 401, "sign-in-required").await;
    }
    assert_eq!(user.browser.open("/app/hello").await.status, 404, "nothing is deployed");
    deploy(&mut developer).await;
    user.refused(Method::POST, "/editor/flows", 403, "missing-permission").await;

    user.reads("/app/hello", "Hello uma").await;
    developer.reads("/app/hello", "Hello dora").await;
    visitor.refused(Method::GET, "/app/hello", 401, "sign-in-required").await;
    let stored = user.upload("/app/upload", &[("note", "für später")], &FILE).await;
    let expected = json!({ "name": FILE.name, "size": FILE.bytes.len(), "note": "für später" });
    assert_eq!(serde_json::from_str::<Value>(stored.text()).unwrap(), expected);
    let file = user.get("/app/file").await;
    assert_eq!((file.header("content-type"), &*file.body), (Some("application/pdf"), FILE.bytes));
    // An answer of the program's own: no flow has this address.
    assert_eq!(user.get("/app/nothing").await.status, 404);
    red.only_allowed_requests_arrived("/app/hello").await;
}

#[tokio::test]
async fn node_red_websockets_need_the_permission() {
    let red = Program::start(&NODE_RED).await;
    let mut developer = red.person("dora", "admin").await;
    let user = red.person("uma", "limited").await;
    deploy(&mut developer).await;

    let mut echo = red.sockets(&user, "/app/ws/echo").await.unwrap_or_else(|status| {
        panic!("a user's WebSocket was refused: {status}");
    });
    for text in ["hello", "für später", &"long ".repeat(50_000)] {
        echo.send(text).await;
        assert_eq!(echo.receive(text).await, text);
    }
    assert_eq!(red.sockets(&red.visitor(), "/app/ws/echo").await.err(), Some(401));

    // The editor's WebSocket carries what debug nodes show.
    let mut messages = match red.sockets(&developer, "/editor/comms").await {
        Ok(sockets) => sockets,
        Err(status) => panic!("a developer's WebSocket was refused: {status}"),
    };
    messages.send(r#"{"subscribe":"debug"}"#).await;
    let pressed = developer
        .browser
        .post("/editor/inject/button", &[("origin", "http://portal.test")], "")
        .await;
    assert_eq!(pressed.status, 200, "{pressed:?}");
    let shown = messages.receive("pressed by hand").await;
    assert!(shown.contains("\"topic\":\"debug\""), "{shown}");
    assert_eq!(red.sockets(&user, "/editor/comms").await.err(), Some(403));
    assert_eq!(red.sockets(&red.visitor(), "/editor/comms").await.err(), Some(401));
    // This route does not allow WebSockets.
    assert_eq!(red.sockets(&developer, "/editor/flows").await.err(), Some(403));

    // A WebSocket is closed when its person loses the permission.
    let people = red.gate.admin.get("/api/v1/users").await.ok();
    let people = people["items"].as_array().unwrap();
    let dora = people.iter().find(|person| person["login"] == "dora").unwrap();
    let path = format!("/api/v1/users/{}", dora["id"].as_str().unwrap());
    red.gate.admin.patch(&path, json!({ "group": "limited" })).await.ok();
    messages.closed().await;
    red.only_allowed_requests_arrived("/app/hello").await;
}

#[tokio::test]
async fn node_red_denied_requests_never_arrive() {
    let red = Program::start(&NODE_RED).await;
    let mut developer = red.person("dora", "admin").await;
    let mut user = red.person("uma", "limited").await;
    deploy(&mut developer).await;
    for (method, target) in [
        (Method::POST, "/editor/flows"),
        (Method::POST, "/editor/flow"),
        (Method::PUT, "/editor/flow/tab"),
        (Method::DELETE, "/editor/flow/tab"),
        (Method::POST, "/editor/inject/button"),
        (Method::POST, "/editor/debug/shown/disable"),
        (Method::POST, "/editor/library/local/flows/mine"),
        (Method::GET, "/editor/context/global"),
        (Method::GET, "/editor/credentials/websocket-client/echo"),
    ] {
        user.refused(method.clone(), target, 403, "missing-permission").await;
        red.visitor().refused(method, target, 401, "sign-in-required").await;
    }
    // To Express, these are the same.
    for target in ["/Editor/Flows", "/editor/flows/", "/EDITOR/flows", "/editor/Comms"] {
        let reply = user.browser.post(target, &[("origin", "http://portal.test")], "").await;
        assert_eq!(reply.status, 403, "{target}: {reply:?}");
    }
    for person in [&mut developer, &mut user] {
        for (method, target) in [
            (Method::POST, "/editor/auth/token"),
            (Method::GET, "/editor/auth/login"),
            (Method::GET, "/editor/diagnostics"),
            (Method::GET, "/editor/projects"),
            (Method::POST, "/editor/settings/user/keys"),
        ] {
            person.refused(method, target, 403, "route-closed").await;
        }
    }
    for (method, target) in
        [(Method::POST, "/editor/nodes"), (Method::DELETE, "/editor/nodes/node-red/function")]
    {
        developer.refused(method, target, 403, "missing-permission").await;
    }
    // The user is the gateway's, whatever the client says.
    for name in ["portcullis-user", "Portcullis_User", "PORTCULLIS-USER"] {
        let headers = [(name, "dora"), ("authorization", "Bearer dora")];
        let reply = user.browser.send(Method::GET, "/app/hello", &headers, "").await;
        assert_eq!(reply.text(), "<h1>Hello uma</h1>", "{name}");
    }
    developer.reads("/editor/settings", "dora").await;
    red.only_allowed_requests_arrived("/app/hello").await;
}

#[tokio::test]
async fn node_red_programs_deploy_with_tokens() {
    let red = Program::start(&NODE_RED).await;
    let developer = red.token("builder", "admin").await;
    let user = red.token("meter", "limited").await;
    let echo = json!([
        { "id": "tab", "type": "tab", "label": "Test" },
        { "id": "page", "type": "http in", "z": "tab", "url": "/fields", "method": "get",
          "wires": [["fields"]] },
        { "id": "fields", "type": "function", "z": "tab", "outputs": 1, "wires": [["answer"]],
          "func": "msg.payload = msg.req.headers; return msg;" },
        { "id": "answer", "type": "http response", "z": "tab", "wires": [] },
    ]);
    let mut program = red.visitor().browser;
    for (token, status) in [(&user, 403), (&developer, 204)] {
        let token = format!("Bearer {token}");
        let fields = [("authorization", &*token), ("content-type", "application/json")];
        let body = echo.to_string();
        let reply = program.send(Method::POST, "/editor/flows", &fields, body).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let token = format!("Bearer {user}");
    let fields = [("authorization", &*token)];
    let reply = within("the flow", async {
        let mut tries = tokio::time::interval(Duration::from_millis(50));
        loop {
            tries.tick().await;
            let reply = program.send(Method::GET, "/app/fields", &fields, "").await;
            if reply.status == 200 {
                return reply;
            }
        }
    })
    .await;
    let fields: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(fields["portcullis-user"], "meter", "{fields}");
    assert_eq!(fields["portcullis-session-kind"], "token", "{fields}");
    assert_eq!(fields["authorization"], ACCOUNT, "{fields}");
    assert!(!fields.to_string().contains(&*user), "{fields}");
    red.only_allowed_requests_arrived("/app/fields").await;
}

#[tokio::test]
async fn node_red_editor_works_in_a_browser() {
    let red = Program::start_tls(&NODE_RED).await;
    red.gate.admin.user(&red.organization, "dora", "admin").await;
    red.gate.admin.user(&red.organization, "uma", "limited").await;
    let chrome = Chrome::open(&red.gate).await;
    chrome.goto("/editor/").await;
    chrome.sign_in("dora", PASSWORD).await;
    chrome.arrives("/editor/").await;
    chrome.sees("inject").await;
    chrome.find("#red-ui-palette .red-ui-palette-node[data-palette-type=\"inject\"]").await;
    chrome.sees("Deploy").await;
    let import = format!("RED.nodes.import({}); RED.nodes.dirty(true)", flows("Hello"));
    chrome.ask(&import).await;
    chrome.ask("RED.actions.invoke('core:deploy-flows')").await;
    chrome.sees("Successfully deployed").await;
    // The debug message comes over the WebSocket.
    chrome.ask("RED.actions.invoke('core:show-debug-tab')").await;
    chrome.ask("fetch('inject/button', { method: 'POST' })").await;
    chrome.sees("pressed by hand").await;
    chrome.goto("/app/hello").await;
    chrome.sees("Hello dora").await;
    assert_eq!(red.refused(), [""; 0], "the policy allows everything that the editor loads");

    let user = Chrome::open(&red.gate).await;
    user.goto("/app/hello").await;
    user.sign_in("uma", PASSWORD).await;
    user.sees("Hello uma").await;
    let upload = "const form = new FormData(); form.append('note', 'für später');\
        form.append('file', new Blob(['12345']), 'a.txt');\
        return fetch('/app/upload', { method: 'POST', body: form }).then(answer => answer.json())";
    let stored = json!({ "name": "a.txt", "size": 5, "note": "für später" });
    assert_eq!(user.ask(upload).await, stored);
    let download = "return fetch('/app/file').then(answer => answer.text())";
    assert_eq!(user.ask(download).await, "12345");
    assert_eq!(user.ask(&echo("/app/ws/echo", "für später")).await, "für später");
    assert_eq!(user.ask(&echo("/editor/comms", "hello")).await, "closed");
    user.goto("/editor/").await;
    user.sees("Your account doesn't have access to this").await;
    red.only_allowed_requests_arrived("/app/hello").await;
}
