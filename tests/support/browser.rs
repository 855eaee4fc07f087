//! A person's browser: keeps cookies, follows redirects, fills forms in.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;

use crate::support::client::{Reply, within};
use crate::support::gate::TestGate;

/// The sign-in page.
pub(crate) const SIGN_IN: &str = "/.portcullis/sign-in";

/// One person's browser, at one gateway in the clear.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    host: String,
    from: IpAddr,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// A page and where it was found.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) target: String,
    pub(crate) reply: Reply,
}

/// A form of a page with what it holds, to be changed and sent.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Browser {
    /// A browser that has never been anywhere.
    pub(crate) fn at(gate: &TestGate) -> Self {
        Self::new(gate.address, gate.host())
    }

    pub(crate) fn new(address: SocketAddr, host: &str) -> Self {
        let from = Ipv4Addr::LOCALHOST.into();
        Self { address, host: host.to_owned(), from, cookies: BTreeMap::new() }
    }

    /// Calls from another address of this machine.
    pub(crate) fn from(mut self, from: [u8; 4]) -> Self {
        self.from = from.into();
        self
    }

    /// Follows an address as a person does who clicks.
    pub(crate) async fn open(&mut self, target: &str) -> Reply {
        let page = [("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate")];
        self.send(Method::GET, target, &page, "").await
    }

    /// Asks as a page's script does.
    pub(crate) async fn fetch(&mut self, target: &str) -> Reply {
        let script = [("accept", "application/json"), ("sec-fetch-mode", "cors")];
        self.send(Method::GET, target, &script, "").await
    }

    /// Opens a page and goes on to where it leads, on this host.
    pub(crate) async fn follow(&mut self, target: &str) -> Page {
        let reply = self.open(target).await;
        self.go_on(target, reply).await
    }

    /// Goes on to where an answer leads.
    pub(crate) async fn go_on(&mut self, target: &str, mut reply: Reply) -> Page {
        let mut target = target.to_owned();
        for _ in 0..8 {
            if !matches!(reply.status, 301..=303) {
                return Page { target, reply };
            }
            target = self.local(reply.header("location").expect("a redirect leads somewhere"));
            reply = self.open(&target).await;
        }
        panic!("led on and on, at last to {target}");
    }

    /// Fills a form in and sends it from a page of this host.
    pub(crate) async fn submit(&mut self, form: &Form) -> Reply {
        let origin = format!("http://{}", self.host);
        self.post(&form.action, &[("origin", &origin)], &form.encoded()).await
    }

    /// Sends fields as a form does, with these headers only.
    pub(crate) async fn post(
        &mut self,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let form = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
        self.send(Method::POST, target, &[headers, &form].concat(), body.to_owned()).await
    }

    /// Fills in the sign-in form, submits it and returns the response.
    pub(crate) async fn sign_in(&mut self, login: &str, password: &str) -> Reply {
        let page = self.open(SIGN_IN).await;
        self.sign_in_on(&page, login, password).await
    }

    /// Fills in the sign-in form of this page.
    pub(crate) async fn sign_in_on(&mut self, page: &Reply, login: &str, password: &str) -> Reply {
        assert_eq!(page.status, 200, "the sign-in page: {page:?}");
        let form = Form::to(page.text(), SIGN_IN).set("login", login).set("password", password);
        self.submit(&form).await
    }

    /// Sends a request with the cookies, and keeps those that come back.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(self.from, 0)).unwrap();
        let stream = within("a connection", socket.connect(self.address)).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target);
        let host = [("host", self.host.as_str())];
        let named = headers.iter().any(|(name, _)| *name == "host");
        let host = if named { &[][..] } else { &host };
        for (name, value) in host.iter().chain(headers) {
            request = request.header(*name, *value);
        }
        if !self.cookies.is_empty() {
            let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            request = request.header("cookie", cookies.collect::<Vec<_>>().join("; "));
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = within(target, sender.send_request(request)).await.unwrap();
        let reply = Reply::read(response).await.unwrap();
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() || value == "deleted" || line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    /// The host that it names.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The session cookie, if there is one.
    pub(crate) fn session(&self) -> Option<&str> {
        self.cookies.get("portcullis").map(String::as_str)
    }

    /// The same session in another browser, as if its cookie had been copied.
    pub(crate) fn copy_of_session(&self) -> Self {
        let mut copy = Self::new(self.address, &self.host);
        let session = self.session().expect("a session").to_owned();
        copy.cookies.insert("portcullis".to_owned(), session);
        copy
    }

    /// The target of an address, which must be on this host.
    pub(crate) fn local(&self, address: &str) -> String {
        let here = format!("http://{}", self.host);
        let target = address.strip_prefix(&here).unwrap_or(address);
        assert!(target.starts_with('/') && !target.starts_with("//"), "{address} is not {here}");
        target.split('#').next().unwrap().to_owned()
    }
}

impl Form {
    /// The form of a page that is sent to this action.
    pub(crate) fn to(page: &str, action: &str) -> Self {
        Self::find(page, |form| form.action == action)
            .unwrap_or_else(|| panic!("no form to {action} on {page}"))
    }

    /// The first form that is wanted.
    pub(crate) fn find(page: &str, wanted: impl Fn(&Self) -> bool) -> Option<Self> {
        page.split("<form")
            .skip(1)
            .map(|form| {
                let form = form.split("</form>").next().unwrap();
                let (tag, inside) = form.split_once('>').unwrap();
                Self {
                    action: attribute(tag, "action").unwrap_or_default(),
                    fields: hidden(inside),
                }
            })
            .find(wanted)
    }

    /// Fills a field in.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What a field holds.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// As a form's body.
    pub(crate) fn encoded(&self) -> String {
        let pairs =
            self.fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// A value, encoded for a form or a query.
pub(crate) fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn hidden(form: &str) -> Vec<(String, String)> {
    form.split("<input")
        .skip(1)
        .map(|input| input.split('>').next().unwrap())
        .filter(|input| attribute(input, "type").as_deref() == Some("hidden"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
        .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(unescaped(value))
}

/// Text as it was before it was escaped for HTML.
pub(crate) fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        match part.split_once(';').and_then(|(name, rest)| Some((entity(name)?, rest))) {
            Some((character, rest)) => {
                plain.push(character);
                plain.push_str(rest);
            }
            None => {
                plain.push('&');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}
