//! Opening the portal of an organization as staff (R17).

use serde_json::json;

use super::{Organization, api, page_of};
use crate::admin::ui::people::way_in::{self, Target};
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::visit::{PageResult, Visit};

async fn target(visit: &Visit) -> Answer<Target> {
    let organization: Organization = visit.client.get(&api(visit.id(0))).await?;
    let text = &visit.text().organizations;
    Ok(Target {
        title: text.view_title.with(&organization.name).plain(),
        lead: text.view_lead.to_string(),
        back: page_of(&organization.id),
        name: organization.name,
    })
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    Ok(way_in::form(&visit, &target(&visit).await?, None))
}

pub(in crate::admin::ui) async fn open(visit: Visit) -> PageResult {
    let target = target(&visit).await?;
    let document = json!({ "organization": visit.id(0), "reason": visit.form.get("reason") });
    Ok(way_in::open(&visit, &target, ("/api/v1/views", &document)).await?)
}
