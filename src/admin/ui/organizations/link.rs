//! The secure link of an organization (R10): shown, replaced, switched on and off.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Organization, api, page, page_of};
use crate::admin::ui::change::{carry_out, carry_out_asked};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::fields::address;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Deserialize)]
struct Link {
    url: String,
}

/// What a button of the page does with the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Replace,
    On,
    Off,
}

/// The page with the link. Reading it is in the audit log, so it is only read when it is asked for.
pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let Link { url } = visit.client.get(&format!("{}/link", api(visit.id(0)))).await?;
    let mut page = page::read(&visit).await?;
    page.link = Some(url);
    page::again(&visit, &page)
}

pub(in crate::admin::ui) async fn change(visit: Visit) -> PageResult {
    let id = visit.id(0);
    let organization: Organization = visit.client.get(&api(id)).await?;
    let (text, name) = (&visit.text().organizations, &organization.name);
    let back = page_of(id);
    let question = |title: String, action: &crate::web::text::Text, is_destructive| Question {
        title,
        action: action.to_string(),
        to: "",
        back: &back,
        is_destructive,
        keeps_form: false,
    };
    let link = format!("{}/link", api(id));
    let done = |what: &str| format!("{back}?done={what}");
    let act = visit.chosen(&[("replace", Act::Replace), ("on", Act::On), ("off", Act::Off)])?;
    if act == Act::Replace {
        let rotate = format!("{link}/rotate");
        let question = question(text.replace_question.with(name).plain(), &text.replace, true);
        let write = Write::new(Method::POST, &rotate);
        return carry_out_asked(&visit, write, question).await?.or_go(&visit, &done("replaced"));
    }
    let on = act == Act::On;
    let detach = if visit.form.has("detach") { "true" } else { "" };
    let path = address(&link, &[("detach", detach)]);
    let document = json!({ "enabled": on });
    let write = Write::new(Method::PATCH, &path).with(&document);
    let question = match on {
        true => question(text.on_question.with(name).plain(), &text.switch_on, false),
        false => question(text.off_question.with(name).plain(), &text.switch_off, true),
    };
    let done = done(if on { "on" } else { "off" });
    carry_out(&visit, write, question).await?.or_go(&visit, &done)
}
