//! What is around the content of each page: title, navigation, who is signed in.

use jiff::Timestamp;

use super::assets::Assets;
use super::navigation::Section;
use super::number;
use super::texts::Catalogue;
use super::visit::Visit;
use super::who::Who;
use crate::web::text::{RelativeTime, Text};

/// What is around the content of each page. Templates have it as `frame`.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) text: &'a Catalogue,
    pub(super) assets: &'a Assets,
    /// Who is signed in; `None` on public pages.
    pub(super) who: Option<&'a Who>,
    pub(super) navigation: Vec<Group<'a>>,
    path: &'a str,
    /// The token for forms.
    pub(super) token: String,
    /// What the API said to a form of the page that was sent too late.
    pub(super) late: Option<&'a str>,
    now: Timestamp,
}

/// Some pages of the navigation, under one heading.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) heading: &'a Text,
    pub(super) links: Vec<Link<'a>>,
}

/// A page in the navigation.
#[derive(Debug)]
pub(super) struct Link<'a> {
    pub(super) path: &'static str,
    pub(super) label: &'a Text,
    /// Whether it is the current page, or one above it.
    pub(super) is_here: bool,
}

const SECTIONS: [Section; 5] =
    [Section::Gateway, Section::People, Section::Access, Section::Activity, Section::Setup];

impl Visit {
    /// What is around the content of the page.
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame::of(self)
    }
}

impl<'a> Frame<'a> {
    fn of(visit: &'a Visit) -> Self {
        let text = visit.text();
        let navigation = SECTIONS.iter().map(|section| group(visit, *section)).collect::<Vec<_>>();
        Self {
            text,
            assets: &visit.ui.assets,
            who: visit.who.as_ref(),
            navigation: navigation.into_iter().filter(|group| !group.links.is_empty()).collect(),
            path: &visit.path,
            token: visit.token(),
            late: visit.late.as_deref(),
            now: visit.now,
        }
    }

    /// The name of the visitor's role.
    pub(super) fn role(&self) -> &str {
        self.who.map_or("", |who| self.text.names.roles.of(who.role.name()))
    }

    /// Whether it is a page of the visitor's own account.
    pub(super) fn is_account(&self) -> bool {
        is_below(self.path, "/account")
    }

    /// A number with separators.
    pub(super) fn number(&self, number: &u64) -> String {
        number::separated(*number, self.text.list.thousands.as_str())
    }

    /// A time in the past, relative to now.
    pub(super) fn past(&self, then: &Timestamp) -> Time {
        Time(self.text.when.past(*then, self.now))
    }

    /// A time to come, relative to now.
    pub(super) fn ahead(&self, then: &Timestamp) -> Time {
        Time(self.text.when.ahead(*then, self.now))
    }
}

/// The pages of a section that the visitor may open.
fn group(visit: &Visit, section: Section) -> Group<'_> {
    let text = visit.text();
    let words = &text.navigation;
    let heading = match section {
        Section::Gateway => &words.gateway,
        Section::People => &words.people,
        Section::Access => &words.access,
        Section::Activity => &words.activity,
        Section::Setup => &words.setup,
    };
    let open = visit.entries.iter().filter(|entry| {
        entry.section == section && visit.who.as_ref().is_some_and(|who| entry.is_open_to(who))
    });
    let links = open.map(|entry| Link {
        path: entry.path,
        label: entry.label(text),
        is_here: is_below(&visit.path, entry.path),
    });
    Group { heading, links: links.collect() }
}

/// Whether a path is this page's or below it.
fn is_below(path: &str, page: &str) -> bool {
    match path.strip_prefix(page) {
        Some(rest) => rest.is_empty() || (page != "/" && rest.starts_with('/')),
        None => false,
    }
}

/// A relative time, with the exact one on hover.
#[derive(Debug)]
pub(super) struct Time(RelativeTime);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RelativeTime { words, exact, title, .. } = &self.0;
        write!(f, "<time datetime=\"{exact}\" title=\"{title}\">{words}</time>")
    }
}

/// Made of words of the catalogue, digits and dates.
impl askama::filters::HtmlSafe for Time {}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn pages_below_an_entry_are_part_of_it() {
        for (path, page, expected) in [
            ("/", "/", true),
            ("/groups", "/", false),
            ("/groups", "/groups", true),
            ("/groups/limited", "/groups", true),
            ("/groups-of-one", "/groups", false),
        ] {
            assert_eq!(is_below(path, page), expected, "{path} {page}");
        }
    }
}
