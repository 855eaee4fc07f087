//! Acting as a portal user (R18).

use serde_json::json;

use super::{User, api, page_of};
use crate::admin::ui::people::way_in::{self, Target};
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::visit::{PageResult, Visit};

async fn target(visit: &Visit) -> Answer<Target> {
    let user: User = visit.client.get(&api(visit.id(0))).await?;
    let text = &visit.text().users;
    Ok(Target {
        title: text.impersonate_title.with(&user.login).plain(),
        lead: text.impersonate_lead.to_string(),
        back: page_of(&user.id),
        name: user.login,
    })
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    Ok(way_in::form(&visit, &target(&visit).await?, None))
}

pub(in crate::admin::ui) async fn open(visit: Visit) -> PageResult {
    let target = target(&visit).await?;
    let document = json!({ "user": visit.id(0), "reason": visit.form.get("reason") });
    Ok(way_in::open(&visit, &target, ("/api/v1/impersonations", &document)).await?)
}
