//! Method overrides at the portal: a POST that asks to be taken for a GET, by header, by query
//! parameter or by field of a form. Where the portal follows it, the answer is the page of the GET,
//! and not that of the POST.

use super::asking::{Asking, Subject};
use super::page::Page;
use crate::config::Settings;
use crate::doctor::client::{Answer, Ask};
use crate::doctor::finding::Finding;

/// Names by which frameworks take another method.
const HEADERS: [&str; 3] = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];
const PARAMETERS: [&str; 4] = ["_method", "_httpmethod", "x-http-method-override", "__method"];

/// The overrides that the portal follows.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) header: Vec<String>,
    pub(super) query: Vec<String>,
    pub(super) field: Vec<String>,
}

/// Sends a POST with each override for the first paths.
pub(super) fn overrides(asking: &Asking<'_>, subjects: &[Subject]) -> Overrides {
    let mut found = Overrides::default();
    // A page that a POST gets too would show nothing.
    let subject = subjects.iter().find_map(|subject| {
        let plain = asking.post(subject, &subject.path, "", None)?;
        (!plain.is_same(&subject.page)).then_some(subject)
    });
    let Some(subject) = subject else { return found };
    let is_followed = |target: &str, body: &str, header: Option<&str>| {
        asking.post(subject, target, body, header).is_some_and(|page| page.is_same(&subject.page))
    };
    for name in HEADERS {
        if is_followed(&subject.path, "", Some(name)) {
            found.header.push(name.to_owned());
        }
    }
    for name in PARAMETERS {
        let pair = format!("{name}=GET");
        if is_followed(&format!("{}?{pair}", subject.path), "", None) {
            found.query.push(name.to_owned());
        }
        if is_followed(&subject.path, &pair, None) {
            found.field.push(name.to_owned());
        }
    }
    found
}

impl Asking<'_> {
    fn post(
        &self,
        subject: &Subject,
        target: &str,
        body: &str,
        header: Option<&str>,
    ) -> Option<Page> {
        let mut ask = Ask::form(target, body).with_all(self.headers);
        if let Some(name) = header {
            ask = ask.with(name, "GET");
        }
        let answer: Answer = self.client.ask(&subject.endpoint, &ask).ok()?;
        Some(Page::of(&answer, &subject.path))
    }
}

/// The findings about them.
pub(super) fn judged(overrides: &Overrides, settings: &Settings) -> Vec<Finding> {
    let Overrides { header, query, field } = overrides;
    let refused = |name: &String| {
        settings.upstream.refuse_query.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    let open: Vec<_> = query.iter().filter(|name| !refused(name)).cloned().collect();
    let mut findings = Vec::new();
    if !open.is_empty() {
        findings.push(
            Finding::error(
                "method-override-not-refused",
                format!("the portal takes the query parameter {} for the method", open.join(", ")),
            )
            .because("who may only send a POST may send a DELETE by it")
            .fix("add it to `upstream.refuse_query`, or name it in `method_override` of the route"),
        );
    }
    if !field.is_empty() {
        findings.push(
            Finding::warning(
                "method-override-not-refused",
                format!("the portal takes the form field {} for the method", field.join(", ")),
            )
            .because("bodies are not inspected, so who may send a POST may send a DELETE by it")
            .fix("require of POST on such paths what DELETE and PUT require"),
        );
    }
    let known: Vec<_> = header.iter().chain(query.iter().filter(|name| refused(name))).collect();
    if !known.is_empty() {
        let known = known.into_iter().cloned().collect::<Vec<_>>().join(", ");
        findings.push(Finding::ok(
            "method-override",
            format!("the portal takes {known} for the method, and the gateway refuses that"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("method-override", "the portal follows no method override"));
    }
    findings
}
