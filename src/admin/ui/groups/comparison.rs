//! Two groups beside each other, permission by permission.

use askama::Template;

use super::{Group, Permission, all, permissions};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::Groups;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/groups/compare.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Groups,
    groups: Vec<Group>,
    /// The ids of the two.
    a: &'a str,
    b: &'a str,
    compared: Option<Compared>,
}

/// Two groups that were chosen.
struct Compared {
    a: Group,
    b: Group,
    rows: Vec<Row>,
}

/// A permission, and which of the two have it.
struct Row {
    permission: Permission,
    a: bool,
    b: bool,
}

impl Compared {
    fn new(a: Group, b: Group, catalogue: Vec<Permission>) -> Self {
        let has = |group: &Group, id: &String| group.permissions.contains(id);
        let row = |permission: Permission| Row {
            a: has(&a, &permission.id),
            b: has(&b, &permission.id),
            permission,
        };
        let rows = catalogue.into_iter().map(row).collect();
        Self { a, b, rows }
    }

    fn differing(&self) -> u64 {
        let differing = self.rows.iter().filter(|row| row.differs()).count();
        u64::try_from(differing).unwrap_or(u64::MAX)
    }
}

impl Row {
    const fn differs(&self) -> bool {
        self.a != self.b
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let (a, b) = (visit.query.get("a"), visit.query.get("b"));
    let groups = all(&visit).await?;
    let chosen = |id: &str| groups.iter().find(|group| group.id == id).cloned();
    let compared = match (chosen(a), chosen(b)) {
        (Some(a), Some(b)) => Some(Compared::new(a, b, permissions(&visit).await?)),
        _ => None,
    };
    let (frame, text) = (visit.frame(), &visit.text().groups);
    visit.show(&Page { frame, text, groups, a, b, compared })
}
