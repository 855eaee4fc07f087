//! Inserting text into a page while it streams.
//!
//! The text goes where the body of the page begins: behind the `<body>` tag or, where the page has
//! none, before the first element that is not one of a head (HTML, 13.2.6.4). From then on nothing
//! is read any longer. A page without such a place gets the text at its end; a page of frames gets
//! none, because an element before its `<frameset>` would hide the frames.
//!
//! Every byte of the page is passed on, in order and unchanged, except in a
//! `<meta http-equiv="Content-Security-Policy">` that would keep the banner from working. Memory is
//! bounded by [`MEMORY`], whatever the page contains: beyond it the rest passes unread.

use std::sync::Arc;

use lol_html::html_content::{ContentType, Element};
use lol_html::send::{HtmlRewriter, SendHandlerTypes, Settings};
use lol_html::{ElementContentHandlers, HandlerResult, MemorySettings, OutputSink, Selector};
use parking_lot::Mutex;

use super::policy;
use crate::proxy::error_pages::BannerSources;

/// Bytes that the reader of a page may keep: more than the longest tag that is expected before the
/// body, with data in its attributes.
const MEMORY: usize = 256 * 1024;
/// Bytes that the reader keeps from the beginning.
const PREALLOCATED: usize = 1024;

/// Elements before which no body begins. `body` and `template` are treated separately.
const OF_HEAD: [&str; 12] = [
    "html", "head", "title", "base", "link", "meta", "style", "script", "noscript", "noframes",
    "basefont", "bgsound",
];

/// Inserts a text into one page.
pub struct Insertion {
    stage: Stage,
    shared: Arc<Mutex<Shared>>,
}

/// How far the page has been read.
enum Stage {
    /// Not at all: the first bytes may show an encoding that is not supported.
    Beginning(Vec<u8>),
    Reading(Box<HtmlRewriter<'static, Sink>>),
    /// The rest passes unread.
    Passing,
}

/// What the reader's handlers share with the insertion.
struct Shared {
    output: Vec<u8>,
    text: String,
    sources: BannerSources,
    place: Place,
    /// `<template>` elements that are open: what they contain is not part of the page.
    templates: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not found yet.
    Ahead,
    /// The text is in the output.
    Done,
    /// The text must not be inserted.
    Nowhere,
}

/// The reader's output.
struct Sink(Arc<Mutex<Shared>>);

impl OutputSink for Sink {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        self.0.lock().output.extend_from_slice(chunk);
    }
}

/// The place was found: ends the reading, after which the rest is in the output as it is.
#[derive(Debug, thiserror::Error)]
#[error("the text is inserted")]
struct Inserted;

impl Insertion {
    /// Inserts this HTML. Characters outside ASCII are written as references, so the encoding of
    /// the page does not matter.
    #[must_use]
    pub fn new(html: &str, sources: BannerSources) -> Self {
        let shared = Shared {
            output: Vec::new(),
            text: ascii(html),
            sources,
            place: Place::Ahead,
            templates: 0,
        };
        Self { stage: Stage::Beginning(Vec::new()), shared: Arc::new(Mutex::new(shared)) }
    }

    /// Reads the next bytes of the page; returns what can be sent.
    pub fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        match &mut self.stage {
            Stage::Passing => return bytes.to_vec(),
            Stage::Beginning(first) => {
                first.extend_from_slice(bytes);
                if first.len() < 2 {
                    return Vec::new();
                }
                let first = std::mem::take(first);
                return self.begin(&first);
            }
            Stage::Reading(reader) => {
                if reader.write(bytes).is_err() {
                    // Reached its limit or its end. What it has not read is in the output.
                    self.stage = Stage::Passing;
                }
            }
        }
        std::mem::take(&mut self.shared.lock().output)
    }

    /// The page has ended; returns what is left.
    pub fn end(&mut self) -> Vec<u8> {
        match std::mem::replace(&mut self.stage, Stage::Passing) {
            // A single byte is not a page.
            Stage::Beginning(first) => return first,
            Stage::Reading(reader) => {
                // An error is its limit, and then everything is in the output.
                let _ = reader.end();
            }
            Stage::Passing => {}
        }
        let mut shared = self.shared.lock();
        let mut output = std::mem::take(&mut shared.output);
        if shared.place == Place::Ahead {
            shared.place = Place::Done;
            output.extend_from_slice(shared.text.as_bytes());
        }
        output
    }

    /// Whether all bytes that follow pass as they are.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.stage, Stage::Passing) && self.shared.lock().place != Place::Ahead
    }

    fn begin(&mut self, first: &[u8]) -> Vec<u8> {
        // A byte order mark of UTF-16, or a character of it: markup cannot be recognized.
        if matches!(first, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, ..] | [_, 0, ..]) {
            self.stage = Stage::Passing;
            self.shared.lock().place = Place::Nowhere;
            return first.to_vec();
        }
        let Ok(every) = "*".parse::<Selector>() else {
            self.stage = Stage::Passing;
            return first.to_vec();
        };
        let shared = Arc::clone(&self.shared);
        let handler = move |element: &mut Element<'_, '_, SendHandlerTypes>| see(&shared, element);
        let memory = MemorySettings::new()
            .with_preallocated_parsing_buffer_size(PREALLOCATED)
            .with_max_allowed_memory_usage(MEMORY)
            .with_graceful_bail_out_on_memory_limit_exceeded(true);
        let handlers = ElementContentHandlers::default().element(handler);
        let settings = Settings::new_send()
            .with_strict(false)
            .with_memory_settings(memory)
            .with_graceful_bail_out_on_content_handler_error(true)
            .append_element_content_handler((std::borrow::Cow::Owned(every), handlers));
        let reader = HtmlRewriter::new(settings, Sink(Arc::clone(&self.shared)));
        self.stage = Stage::Reading(Box::new(reader));
        self.write(first)
    }
}

impl std::fmt::Debug for Insertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Insertion")
            .field("place", &self.shared.lock().place)
            .finish_non_exhaustive()
    }
}

/// Inserts the text at this element, if its place is here.
fn see(
    shared: &Arc<Mutex<Shared>>,
    element: &mut Element<'_, '_, SendHandlerTypes>,
) -> HandlerResult {
    let mut state = shared.lock();
    if state.place != Place::Ahead {
        return Err(Box::new(Inserted));
    }
    if state.templates > 0 && element.tag_name() != "template" {
        return Ok(());
    }
    match element.tag_name().as_str() {
        "template" => {
            state.templates += 1;
            drop(state);
            let shared = Arc::clone(shared);
            return element.on_end_tag(Box::new(move |_| {
                let mut state = shared.lock();
                state.templates = state.templates.saturating_sub(1);
                Ok(())
            }));
        }
        "meta" => extend_policy(element, &state.sources),
        tag if OF_HEAD.contains(&tag) => {}
        "frameset" => state.place = Place::Nowhere,
        "body" => {
            element.prepend(&state.text, ContentType::Html);
            state.place = Place::Done;
        }
        _ => {
            element.before(&state.text, ContentType::Html);
            state.place = Place::Done;
        }
    }
    Ok(())
}

/// Lets a policy in the page itself allow the banner. One that is not plain ASCII stays.
fn extend_policy(element: &mut Element<'_, '_, SendHandlerTypes>, sources: &BannerSources) {
    let kind = element.get_attribute("http-equiv");
    if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("content-security-policy")) {
        return;
    }
    let Some(written) = element.get_attribute("content").filter(|written| written.is_ascii())
    else {
        return;
    };
    let Some(policies) = unescaped(&written) else { return };
    let extended = policy::extended(&policies, sources);
    if extended != policies {
        // The name of the attribute is valid.
        let _ = element.set_attribute("content", &extended);
    }
}

/// A value without character references. `None` if it has one that policies do not need.
fn unescaped(value: &str) -> Option<String> {
    let mut text = value.to_owned();
    for (reference, character) in
        [("&#39;", "'"), ("&#x27;", "'"), ("&#039;", "'"), ("&apos;", "'"), ("&quot;", "\"")]
    {
        text = text.replace(reference, character);
    }
    (!text.contains('&')).then_some(text)
}

/// HTML with references for all characters outside ASCII.
fn ascii(html: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(html.len());
    for character in html.chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "&#{};", u32::from(character));
        }
    }
    text
}

#[cfg(test)]
mod tests;
