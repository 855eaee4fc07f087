//! Texts as they stand in a catalogue: with places for values, some of which are emphasized.
//!
//! `{name}` is the place of a value, `*{name}*` one that is emphasized, and between backquotes one
//! that is set as code. Which values a text takes is
//! part of its type: a text that names another is an error when it is read, and a page that does
//! not give them all does not compile. Texts and values are escaped when they are rendered; neither
//! is ever taken for HTML.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use askama::filters::{Escaper as _, Html, HtmlSafe};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::relative_time::RelativeTime;

/// A text that takes the values `V`.
#[derive(Debug, Clone)]
pub(crate) struct Phrase<V> {
    pieces: Vec<Piece>,
    values: PhantomData<V>,
}

/// A text without values.
pub(crate) type Text = Phrase<Nothing>;

#[derive(Debug, Clone)]
enum Piece {
    Words(String),
    Value { number: usize, style: Style },
}

/// How a value looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Emphasis,
    Code,
}

/// The names of the values that a text takes.
pub(crate) trait Values {
    const NAMES: &'static [&'static str];
}

/// A value for a text.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Words(Cow<'a, str>),
    /// Several names, each styled by itself as their place is.
    Names {
        names: Vec<Cow<'a, str>>,
        comma: &'a Text,
        last: &'a Text,
        /// How many more there are, in words.
        more: Option<String>,
    },
    Time(Cow<'a, RelativeTime>),
}

/// A text with its values. Displayed as HTML.
#[derive(Debug, Clone)]
pub(crate) struct Filled<'a> {
    pieces: &'a [Piece],
    values: Vec<Value<'a>>,
}

/// A text for one of a thing, and one for any other number.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    one: Phrase<Count>,
    other: Phrase<Count>,
}

/// What stands between the names of a list; leading and trailing spaces count.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListWords {
    pub(crate) comma: Text,
    pub(crate) and: Text,
    pub(crate) or: Text,
}

/// What happened, and why.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    pub(crate) title: Text,
    pub(crate) detail: Text,
}

/// A statement that takes the values `V`, and what to do next.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, bound = "V: Values")]
pub(crate) struct AdviceOn<V> {
    pub(crate) title: Text,
    pub(crate) detail: Phrase<V>,
    pub(crate) advice: Phrase<Operator>,
}

/// A statement without values, and what to do next.
pub(crate) type Advice = AdviceOn<Nothing>;

/// Declares kinds of texts by the values they take, each with a method that fills them in.
macro_rules! values {
    ($($(#[$doc:meta])* $kind:ident ($($name:ident),*);)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $kind;

        impl $crate::web::text::Values for $kind {
            const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];
        }

        impl $crate::web::text::Phrase<$kind> {
            /// The text with its values.
            pub(crate) fn with<'a>(
                &'a self,
                $($name: impl Into<$crate::web::text::Value<'a>>),*
            ) -> $crate::web::text::Filled<'a> {
                self.fill(vec![$($name.into()),*])
            }
        }
    )+ };
}
pub(crate) use values;

/// Declares a catalogue's structs: each field is a text, or a struct of texts.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)+ })+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $(pub(crate) $field: $kind,)+
        }
    )+ };
}
pub(crate) use texts;

values! {
    /// No values.
    Nothing();
    /// A number.
    Count(count);
    /// The operator's business name.
    Operator(operator);
    /// A time, relative to now.
    Moment(when);
}

impl Counted {
    pub(crate) fn of(&self, count: u64) -> Filled<'_> {
        if count == 1 { &self.one } else { &self.other }.with(count.to_string())
    }
}

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        match self.pieces.as_slice() {
            [Piece::Words(words)] => words,
            _ => "",
        }
    }
}

/// Not escaped: the template that shows it does that.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Filled<'_> {
    /// The text without emphasis, for titles and problem documents.
    pub(crate) fn plain(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text, false);
        text
    }

    fn write(&self, to: &mut impl fmt::Write, html: bool) -> fmt::Result {
        for piece in self.pieces {
            match piece {
                Piece::Words(words) => write_text(to, words, html)?,
                Piece::Value { number, style } => {
                    if let Some(value) = self.values.get(*number) {
                        value.write(to, html, *style)?;
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

/// Texts and values are escaped as they are written.
impl HtmlSafe for Filled<'_> {}

impl<'a> Value<'a> {
    /// Names with commas between them, and `last` before the last one.
    pub(crate) fn names(names: &[&'a str], words: &'a ListWords, last: &'a Text) -> Self {
        let names = names.iter().map(|name| Cow::Borrowed(*name)).collect();
        Self::Names { names, comma: &words.comma, last, more: None }
    }

    fn write(&self, to: &mut impl fmt::Write, html: bool, style: Style) -> fmt::Result {
        match self {
            Self::Words(words) => write_value(to, words, html, style),
            Self::Names { names, comma, last, more } => {
                for (number, name) in names.iter().enumerate() {
                    if number > 0 {
                        let is_last = number + 1 == names.len() && more.is_none();
                        write_text(to, if is_last { last } else { comma }.as_str(), html)?;
                    }
                    write_value(to, name, html, style)?;
                }
                let Some(more) = more else { return Ok(()) };
                write_text(to, last.as_str(), html)?;
                write_text(to, more, html)
            }
            Self::Time(time) if html => {
                write!(to, "<time datetime=\"{}\" title=\"{}\"", time.exact, time.title)?;
                if time.is_ahead {
                    write!(to, " data-left=\"{}\"", time.seconds)?;
                }
                to.write_char('>')?;
                write_value(to, &time.words, html, style)?;
                to.write_str("</time>")
            }
            Self::Time(time) => to.write_str(&time.words),
        }
    }
}

fn write_value(to: &mut impl fmt::Write, text: &str, html: bool, style: Style) -> fmt::Result {
    let (before, after) = match style {
        Style::Emphasis if html => ("<strong>", "</strong>"),
        Style::Code if html => ("<code>", "</code>"),
        Style::Plain | Style::Emphasis | Style::Code => ("", ""),
    };
    to.write_str(before)?;
    write_text(to, text, html)?;
    to.write_str(after)
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

impl<'a> From<&'a RelativeTime> for Value<'a> {
    fn from(time: &'a RelativeTime) -> Self {
        Self::Time(Cow::Borrowed(time))
    }
}

impl From<RelativeTime> for Value<'_> {
    fn from(time: RelativeTime) -> Self {
        Self::Time(Cow::Owned(time))
    }
}

impl<V> Phrase<V> {
    /// For [`values!`] alone, which gives as many values as the text takes.
    pub(crate) fn fill<'a>(&'a self, values: Vec<Value<'a>>) -> Filled<'a> {
        Filled { pieces: &self.pieces, values }
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
            let is_between = |mark: char| before.ends_with(mark) && after.starts_with(mark);
            let (style, before, after) = match [is_between('*'), is_between('`')] {
                [true, _] => {
                    (Style::Emphasis, before.trim_end_matches('*'), after.trim_start_matches('*'))
                }
                [_, true] => {
                    (Style::Code, before.trim_end_matches('`'), after.trim_start_matches('`'))
                }
                [false, false] => (Style::Plain, before, after),
            };
            words.push_str(before);
            if !words.is_empty() {
                pieces.push(Piece::Words(std::mem::take(&mut words)));
            }
            pieces.push(Piece::Value { number, style });
            rest = after;
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
