//! Tokens of a portal user, for programs: created, shown once, revoked.

use askama::Template;
use http::{Method, StatusCode};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;

use super::{User, api, page_of};
use crate::admin::ui::change::carry_out_asked;
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/users/token.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    user: User,
    fields: [Field<'a>; 2],
    problem: Option<String>,
    /// The new token. It is not shown again.
    token: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    token: String,
}

pub(in crate::admin::ui) async fn new(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let text = &visit.text().users;
    let fields = [
        Field::new("name", &text.token_name).required().most(100).hint(&text.token_name_hint),
        Field::date("expires", &text.token_expires).hint(&text.token_expires_hint),
    ];
    Ok(Page {
        frame: visit.frame(),
        text,
        user: visit.client.get(&api(visit.id(0))).await?,
        fields: fields.map(|field| field.after(visit, refusal)),
        problem: refusal.and_then(|it| it.apart_from(&["name", "expires"])).map(str::to_owned),
        token: None,
    })
}

/// The end of a day in UTC, as the API takes it; what is not a date is left to the API.
fn end_of(date: &str) -> String {
    let end = date.parse::<Date>().and_then(|date| date.at(23, 59, 59, 0).to_zoned(TimeZone::UTC));
    end.map_or_else(|_| date.to_owned(), |end| end.timestamp().to_string())
}

pub(in crate::admin::ui) async fn create(visit: Visit) -> PageResult {
    let form = &visit.form;
    let expires = Some(form.get("expires")).filter(|it| !it.is_empty()).map(end_of);
    let new = json!({ "name": form.get("name"), "expires": expires });
    let path = format!("{}/tokens", api(visit.id(0)));
    let created = visit.client.write(Write::new(Method::POST, &path).with(&new)).await;
    match created.map(serde_json::from_value::<Created>) {
        Ok(Ok(Created { token })) => {
            let page = Page { token: Some(token), ..page(&visit, None).await? };
            visit.show(&page)
        }
        Ok(Err(error)) => Err(Refusal::broken(&error.to_string()).into()),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(in crate::admin::ui) async fn revoke(visit: Visit) -> PageResult {
    let (id, form) = (visit.id(0), &visit.form);
    let path = format!("{}/tokens/{}", api(id), segment(form.get("id")));
    let (text, page) = (&visit.text().users, page_of(id));
    let question = Question {
        title: text.revoke_question.with(form.get("name")).plain(),
        action: text.revoke.to_string(),
        to: "",
        back: &page,
        is_destructive: true,
        keeps_form: false,
    };
    let change = carry_out_asked(&visit, Write::new(Method::DELETE, &path), question).await?;
    change.or_go(&visit, &format!("{page}?done=revoked"))
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn a_token_lasts_until_the_end_of_its_last_day() {
        assert_eq!(end_of("2026-11-26"), "2026-11-26T23:59:59Z");
        assert_eq!(end_of("soon"), "soon");
    }
}
