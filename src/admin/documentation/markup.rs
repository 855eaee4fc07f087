//! Text with code and links, written as HTML.

use std::fmt;

use askama::filters::{Escaper as _, Html, HtmlSafe};

/// HTML that may stand in a page as it is. Everything that is added to it is escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Markup(String);

impl HtmlSafe for Markup {}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Markup {
    /// A text of the description, in which backticks enclose code.
    pub(super) fn prose(text: &str) -> Self {
        let mut markup = Self::default();
        for (number, part) in text.split('`').enumerate() {
            if number % 2 == 1 { markup.code(part) } else { markup.text(part) }
        }
        markup
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn text(&mut self, text: &str) {
        // Writing to a string does not fail.
        let _ = Html.write_escaped_str(&mut self.0, text);
    }

    pub(super) fn code(&mut self, text: &str) {
        self.0.push_str("<code>");
        self.text(text);
        self.0.push_str("</code>");
    }

    /// A link to the document of this name on the same page.
    pub(super) fn document(&mut self, name: &str) {
        self.0.push_str("<a href=\"#schema-");
        self.text(name);
        self.0.push_str("\">");
        self.text(name);
        self.0.push_str("</a>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_enclose_code_and_all_text_is_escaped() {
        let written = Markup::prose("Set `<a>` & go.").to_string();
        assert_eq!(written, "Set <code>&#60;a&#62;</code> &#38; go.");
    }
}
