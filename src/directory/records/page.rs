//! Lists a page at a time.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use crate::directory::error::DirectoryError;
use portcullis_store::Place;

/// A part of a list, in order of id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `null` on the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of up to `limit` of `items`, which hold one more if there are more.
    pub(in crate::directory) fn cut(
        mut items: Vec<T>,
        limit: usize,
        id: impl Fn(&T) -> &str,
    ) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| Cursor::after(id(last)));
        Self { items, next }
    }

    /// The last page.
    pub(crate) const fn last(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A page after which the next one begins behind the record `id`.
    pub(crate) fn until(items: Vec<T>, id: &str) -> Self {
        Self { items, next: Some(Cursor::after(id)) }
    }

    /// A page after which the next one begins behind a place in the results of a search.
    pub(in crate::directory) fn until_place(items: Vec<T>, place: &Place) -> Self {
        Self { items, next: Some(Cursor::at(place)) }
    }

    /// The page with other items in the same places.
    pub(crate) fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// A position in a list: an id, or in a search the value and the id. Callers treat it as opaque.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    fn after(id: &str) -> Self {
        Self(BASE64URL_NOPAD.encode(id.as_bytes()))
    }

    /// The position in a search. Without a value it is that of a list.
    pub(super) fn at(place: &Place) -> Self {
        let Place { value, id } = place;
        if value.is_empty() { Self::after(id) } else { Self::after(&format!("{value}\0{id}")) }
    }

    fn place(&self) -> Option<Place> {
        let bytes = BASE64URL_NOPAD.decode(self.0.as_bytes()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (value, id) = text.split_once('\0').unwrap_or(("", &text));
        let place = Place { value: value.to_owned(), id: id.to_owned() };
        // An id is never empty, and neither part contains a NUL.
        let is_valid = !id.is_empty() && !id.contains('\0') && !text.starts_with('\0');
        is_valid.then_some(place)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which part of a list is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    after: Option<Place>,
    limit: usize,
}

impl PageRequest {
    /// The largest number of items on a page.
    pub const MAX_LIMIT: usize = 1000;
    /// The number of items on a page when none is requested.
    pub const DEFAULT_LIMIT: usize = 100;

    /// Parses the cursor of an earlier page and the number of items.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] when the cursor or the limit is invalid.
    pub fn parse(cursor: Option<&str>, limit: Option<usize>) -> Result<Self, DirectoryError> {
        let limit = limit.unwrap_or(Self::DEFAULT_LIMIT);
        if !(1..=Self::MAX_LIMIT).contains(&limit) {
            let message = format!("must be from 1 to {}", Self::MAX_LIMIT);
            return Err(DirectoryError::invalid("limit", message));
        }
        let Some(cursor) = cursor else { return Ok(Self { after: None, limit }) };
        match Cursor(cursor.to_owned()).place() {
            Some(after) => Ok(Self { after: Some(after), limit }),
            None => Err(unknown_cursor()),
        }
    }

    /// The id after which the page begins.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_ref().map(|place| place.id.as_str())
    }

    /// The place after which the page of a search begins. `by_text` is whether the results are in
    /// the order of a text.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] when the cursor is not from a list in the same order.
    pub(in crate::directory) fn place(
        &self,
        by_text: bool,
    ) -> Result<Option<Place>, DirectoryError> {
        match &self.after {
            Some(place) if place.value.is_empty() == by_text => Err(unknown_cursor()),
            after => Ok(after.clone()),
        }
    }

    /// The maximum number of items.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

fn unknown_cursor() -> DirectoryError {
    DirectoryError::invalid("after", "is not a cursor from an earlier page")
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, limit: Self::DEFAULT_LIMIT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_where_the_page_ended() {
        let page = Page::cut(vec!["a", "b", "c"], 2, |id| id);
        assert_eq!(page.items, ["a", "b"]);
        let cursor = page.next.unwrap().to_string();
        let next = PageRequest::parse(Some(&cursor), None).unwrap();
        assert_eq!(next.after(), Some("b"));
    }

    #[test]
    fn a_cursor_is_of_a_list_or_of_a_search() {
        let place = Place { value: "ann b".to_owned(), id: "u1".to_owned() };
        let cursor = Cursor::at(&place).to_string();
        let searched = PageRequest::parse(Some(&cursor), None).unwrap();
        assert_eq!(searched.place(true).unwrap(), Some(place));
        assert!(searched.place(false).is_err());
        let listed = PageRequest::parse(Some(&Cursor::after("u1").to_string()), None).unwrap();
        assert_eq!(listed.place(false).unwrap().unwrap().id, "u1");
        assert!(listed.place(true).is_err());
        assert_eq!(PageRequest::default().place(true).unwrap(), None);
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        assert_eq!(Page::cut(vec!["a", "b"], 2, |id| id).next, None);
        assert_eq!(Page::cut(Vec::<&str>::new(), 2, |id| id).next, None);
    }

    #[test]
    fn a_forged_cursor_or_limit_is_invalid() {
        for bad in ["", "*", "AA", "AGE", "YQA", "YQBiAGM", "_w"] {
            let error = PageRequest::parse(Some(bad), None).unwrap_err();
            assert!(matches!(error, DirectoryError::Invalid { field: "after", .. }), "{bad:?}");
        }
        for bad in [0, PageRequest::MAX_LIMIT + 1] {
            let error = PageRequest::parse(None, Some(bad)).unwrap_err();
            assert!(matches!(error, DirectoryError::Invalid { field: "limit", .. }), "{bad}");
        }
    }
}
