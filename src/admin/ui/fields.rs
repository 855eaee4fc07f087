//! The fields of a form, or of a query, in the order in which they came.

use std::collections::BTreeSet;

/// The fields of a form (application/x-www-form-urlencoded), or of a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads an encoded form. Bytes that are not UTF-8 are replaced.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The same of what a visitor sends: `None` if it has more than `most` fields.
    pub(super) fn within(encoded: &[u8], most: usize) -> Option<Self> {
        let separators = encoded.iter().filter(|byte| **byte == b'&').count();
        (separators < most).then(|| Self::parse(encoded))
    }

    /// Whether there is no field.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field without the space around it; empty without such a field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value of a field as it was sent, for passwords; empty without such a field.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// Whether a check box is checked, or a button was pressed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// All values of a field.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| &**value)
    }

    /// The values of a field, once each.
    pub(super) fn set(&self, name: &str) -> BTreeSet<&str> {
        self.all(name).collect()
    }

    /// The fields in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The same without the fields of these names.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&&**name));
        Self(kept.cloned().collect())
    }

    /// The same with another field at the end.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// The form in its encoding, as a query has it.
    pub(super) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// A path with these parameters; those without a value are left out.
pub(super) fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let given = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A value as one segment of a path.
pub(super) fn segment(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_its_order_and_repeated_fields() {
        let form = Fields::parse(b"name=+Sales+%26+Co+&p=b&p=a&p=b&on=");
        assert_eq!(form.get("name"), "Sales & Co");
        assert_eq!(form.all("p").collect::<Vec<_>>(), ["b", "a", "b"]);
        assert_eq!(form.set("p").into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(form.has("on") && !form.has("off"));
        assert_eq!(Fields::parse(form.encoded().as_bytes()), form);
    }

    #[test]
    fn i12_a_form_with_too_many_fields_is_not_read() {
        assert_eq!(Fields::within(b"a&a&a", 2), None);
        assert_eq!(Fields::within(b"&&", 2), None);
        assert_eq!(Fields::within(b"a&b=", 2), Some(Fields::parse(b"a=&b")));
        assert!(Fields::within(b"", 2).unwrap().is_empty());
    }

    #[test]
    fn parameters_without_a_value_are_left_out_of_an_address() {
        assert_eq!(address("/users", &[("q", ""), ("after", "")]), "/users");
        assert_eq!(address("/users", &[("q", "a&b"), ("after", "")]), "/users?q=a%26b");
    }

    #[test]
    fn a_segment_stays_one_segment() {
        assert_eq!(segment("a/b?c#d e"), "a%2Fb%3Fc%23d%20e");
    }
}
