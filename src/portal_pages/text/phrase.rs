//! Texts as they stand in a catalogue: with places for values, and some of those emphasized.
//!
//! `{name}` is a value's place, `*{name}*` one that is emphasized. Which values a text may take is
//! a part of its type: a text that names another is an error when it is read, and a page that does
//! not give them all does not compile. Texts and values are escaped when they are shown; neither
//! is ever taken for HTML.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use askama::filters::{Escaper as _, Html, HtmlSafe};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::catalogue::List;
use crate::portal_pages::when::When;

/// A text that takes the values `V`.
#[derive(Debug, Clone)]
pub(in crate::portal_pages) struct Phrase<V> {
    pieces: Vec<Piece>,
    values: PhantomData<V>,
}

/// A text without values.
pub(in crate::portal_pages) type Text = Phrase<Nothing>;

#[derive(Debug, Clone)]
enum Piece {
    Words(String),
    Value { number: usize, emphasized: bool },
}

/// The names of the values that a text may take.
pub(in crate::portal_pages) trait Values {
    const NAMES: &'static [&'static str];
}

/// What is put into a text.
#[derive(Debug, Clone)]
pub(in crate::portal_pages) enum Value<'a> {
    Words(Cow<'a, str>),
    /// Several names, each emphasized by itself if their place is.
    Names {
        names: Vec<Cow<'a, str>>,
        comma: &'a Text,
        last: &'a Text,
    },
    Moment(Cow<'a, When>),
}

/// A text with its values. Displayed as HTML.
#[derive(Debug, Clone)]
pub(in crate::portal_pages) struct Filled<'a> {
    pieces: &'a [Piece],
    values: Vec<Value<'a>>,
}

/// Texts for one thing and for any other number of them.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::portal_pages) struct Counted {
    one: Phrase<Count>,
    other: Phrase<Count>,
}

macro_rules! values {
    ($($(#[$doc:meta])* $kind:ident ($($name:ident),*);)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(in crate::portal_pages) struct $kind;

        impl Values for $kind {
            const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];
        }

        impl Phrase<$kind> {
            /// The text with its values.
            pub(in crate::portal_pages) fn with<'a>(
                &'a self,
                $($name: impl Into<Value<'a>>),*
            ) -> Filled<'a> {
                Filled { pieces: &self.pieces, values: vec![$($name.into()),*] }
            }
        }
    )+ };
}

values! {
    /// No values.
    Nothing();
    /// How many there are.
    Count(count);
    /// The operator's business name.
    Operator(operator);
    /// The operator's business name, and names of permissions.
    Permissions(operator, permissions);
    /// A section of the portal.
    Section(section, section_in_lower_case);
    /// An organization's name.
    Organization(organization);
    /// An organization's name, and the operator's.
    OrganizationAndOperator(organization, operator);
    /// A portal user's login.
    Login(login);
    /// A browser's name.
    Browser(browser);
    /// A browser's name, and the name of what it runs on.
    BrowserAndSystem(browser, system);
    /// A network address, and a moment relative to now.
    AddressAndMoment(address, when);
    /// Who is signed in, and whose portal is to be opened.
    LoginAndOrganization(login, organization);
    /// A moment, relative to now.
    Moment(when);
}

impl Counted {
    pub(in crate::portal_pages) fn of(&self, count: u64) -> Filled<'_> {
        if count == 1 { &self.one } else { &self.other }.with(count.to_string())
    }
}

impl Text {
    pub(in crate::portal_pages) fn as_str(&self) -> &str {
        match self.pieces.as_slice() {
            [Piece::Words(words)] => words,
            _ => "",
        }
    }
}

/// Shown as it is: a template escapes it.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Filled<'_> {
    /// The text without any emphasis, for titles and for scripts.
    pub(in crate::portal_pages) fn plain(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text, false);
        text
    }

    fn write(&self, to: &mut impl fmt::Write, html: bool) -> fmt::Result {
        for piece in self.pieces {
            match piece {
                Piece::Words(words) => write_text(to, words, html)?,
                Piece::Value { number, emphasized } => {
                    if let Some(value) = self.values.get(*number) {
                        value.write(to, html, *emphasized)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Filled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, true)
    }
}

/// Texts and values have been escaped.
impl HtmlSafe for Filled<'_> {}

impl<'a> Value<'a> {
    /// Names with commas between them, and the last word before the last.
    pub(in crate::portal_pages) fn names(
        names: &[&'a str],
        list: &'a List,
        last: &'a Text,
    ) -> Self {
        let names = names.iter().map(|name| Cow::Borrowed(*name)).collect();
        Self::Names { names, comma: &list.comma, last }
    }

    fn write(&self, to: &mut impl fmt::Write, html: bool, emphasized: bool) -> fmt::Result {
        match self {
            Self::Words(words) => write_value(to, words, html, emphasized),
            Self::Names { names, comma, last } => {
                for (number, name) in names.iter().enumerate() {
                    if number > 0 {
                        let between = if number + 1 == names.len() { last } else { comma };
                        write_text(to, between.as_str(), html)?;
                    }
                    write_value(to, name, html, emphasized)?;
                }
                Ok(())
            }
            Self::Moment(when) if html => {
                write!(to, "<time datetime=\"{}\" title=\"{}\">", when.exact, when.title)?;
                write_value(to, &when.words, html, emphasized)?;
                to.write_str("</time>")
            }
            Self::Moment(when) => to.write_str(&when.words),
        }
    }
}

fn write_value(to: &mut impl fmt::Write, text: &str, html: bool, emphasized: bool) -> fmt::Result {
    if html && emphasized {
        to.write_str("<strong>")?;
        write_text(to, text, html)?;
        return to.write_str("</strong>");
    }
    write_text(to, text, html)
}

fn write_text(to: &mut impl fmt::Write, text: &str, html: bool) -> fmt::Result {
    if html { Html.write_escaped_str(to, text) } else { to.write_str(text) }
}

impl<'a, T: AsRef<str> + ?Sized> From<&'a T> for Value<'a> {
    fn from(words: &'a T) -> Self {
        Self::Words(Cow::Borrowed(words.as_ref()))
    }
}

impl From<String> for Value<'_> {
    fn from(words: String) -> Self {
        Self::Words(Cow::Owned(words))
    }
}

impl<'a> From<&'a When> for Value<'a> {
    fn from(when: &'a When) -> Self {
        Self::Moment(Cow::Borrowed(when))
    }
}

impl From<When> for Value<'_> {
    fn from(when: When) -> Self {
        Self::Moment(Cow::Owned(when))
    }
}

impl<V: Values> Phrase<V> {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut words = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("`{` is not closed by `}`")?;
            let number = V::NAMES.iter().position(|known| *known == name);
            let number = number.ok_or_else(|| unknown(name, V::NAMES))?;
            let emphasized = before.ends_with('*') && after.starts_with('*');
            words.push_str(if emphasized { before.trim_end_matches('*') } else { before });
            if !words.is_empty() {
                pieces.push(Piece::Words(std::mem::take(&mut words)));
            }
            pieces.push(Piece::Value { number, emphasized });
            rest = if emphasized { after.trim_start_matches('*') } else { after };
        }
        words.push_str(rest);
        if !words.is_empty() {
            pieces.push(Piece::Words(words));
        }
        Ok(Self { pieces, values: PhantomData })
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("there is no value `{{{name}}}` here: this text takes none");
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{{{name}}}`")).collect();
    format!("there is no value `{{{name}}}` here, but {}", known.join(", "))
}

impl<'de, V: Values> Deserialize<'de> for Phrase<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.trim().is_empty() {
            return Err(D::Error::custom("a text cannot be empty"));
        }
        Self::parse(&text).map_err(D::Error::custom)
    }
}
