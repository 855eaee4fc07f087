//! The operator: the admin API over the gateway's Unix socket.

use std::path::PathBuf;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::support::client::within;

/// A password that every rule likes.
pub(crate) const PASSWORD: &str = "Correct-Horse-7-Battery";

/// A client of one gateway's admin socket.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) socket: PathBuf,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct AdminReply {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl Admin {
    pub(crate) async fn get(&self, path: &str) -> AdminReply {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, json: Value) -> AdminReply {
        self.call(Method::POST, path, Some(json)).await
    }

    pub(crate) async fn patch(&self, path: &str, json: Value) -> AdminReply {
        self.call(Method::PATCH, path, Some(json)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> AdminReply {
        self.call(Method::DELETE, path, None).await
    }

    /// Creates an organization and returns its id.
    pub(crate) async fn organization(&self, name: &str) -> String {
        self.post("/api/v1/organizations", json!({ "name": name })).await.created()
    }

    /// Creates a group with these permissions and returns its id.
    pub(crate) async fn group(&self, name: &str, permissions: &[&str]) -> String {
        let group = json!({ "name": name, "permissions": permissions });
        self.post("/api/v1/groups", group).await.created()
    }

    /// The URL of an organization's secure link.
    pub(crate) async fn secure_link(&self, organization: &str) -> String {
        let link = self.get(&format!("/api/v1/organizations/{organization}/link")).await.ok();
        link["url"].as_str().unwrap().to_owned()
    }

    /// Creates a portal user with [`PASSWORD`] and returns the id.
    pub(crate) async fn user(&self, organization: &str, login: &str, group: &str) -> String {
        let user = json!({
            "organization": organization, "login": login, "group": group, "password": PASSWORD,
        });
        self.post("/api/v1/users", user).await.created()
    }

    /// Creates the organization Acme with one portal user; returns the organization's id.
    pub(crate) async fn acme_with_user(&self, login: &str, group: &str) -> String {
        let acme = self.organization("Acme").await;
        self.user(&acme, login, group).await;
        acme
    }

    async fn call(&self, method: Method, path: &str, json: Option<Value>) -> AdminReply {
        self.try_call(method, path, json).await.unwrap()
    }

    /// Asks a program that may be killed meanwhile.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        json: Option<Value>,
    ) -> Result<AdminReply, Box<dyn std::error::Error + Send + Sync>> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if json.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = json.map(|json| Bytes::from(json.to_string())).unwrap_or_default();
        let request = request.body(Full::new(body))?;
        let response = within("the API's answer", sender.send_request(request)).await?;
        let status = response.status().as_u16();
        let body = within("the API's answer", response.into_body().collect()).await?;
        let json = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
        Ok(AdminReply { status, json })
    }
}

impl AdminReply {
    /// The id of the created record; fails the test unless one was created.
    pub(crate) fn created(self) -> String {
        assert_eq!(self.status, 201, "{}", self.json);
        self.json["id"].as_str().expect("a record has an id").to_owned()
    }

    /// The record of an answer that must be good.
    pub(crate) fn ok(self) -> Value {
        assert!(matches!(self.status, 200 | 201 | 204), "{} {}", self.status, self.json);
        self.json
    }

    /// The problem document of a refusal, which must be of this type.
    pub(crate) fn refused(self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.json);
        assert_eq!(self.json["type"], format!("urn:portcullis:problem:{kind}"), "{}", self.json);
        self.json
    }
}
