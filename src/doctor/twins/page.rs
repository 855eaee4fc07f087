//! Whether two responses are the same page, apart from what differs in every response.

use std::cmp::Ordering;

use percent_encoding::percent_decode_str;

use crate::doctor::client::Answer;

/// How alike two pages of many words are that are the same.
const ALIKE: f64 = 0.97;
/// Pages with fewer words must have the same.
const FEW: usize = 40;
/// Words with a digit are ignored from this length on: tokens, times, numbers of requests.
const TOKEN: usize = 6;
/// Words are ignored from this length on.
const LONG: usize = 24;

/// What of a response is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    status: u16,
    media_type: String,
    /// Where it redirects to.
    location: Option<String>,
    /// The words, sorted, without the path that was asked for.
    words: Vec<String>,
}

impl Page {
    /// The page in the response to a request for a target.
    pub(super) fn of(answer: &Answer, target: &str) -> Self {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let decoded = percent_decode_str(target).decode_utf8_lossy();
        let mut text = text.replace(target, " ");
        if *decoded != *target {
            text = text.replace(&*decoded, " ");
        }
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut words: Vec<_> = words.filter(|word| is_stable(word)).map(str::to_owned).collect();
        words.sort_unstable();
        Self {
            status: answer.status,
            media_type: answer.media_type(),
            location: answer.field("location").map(str::to_owned),
            words,
        }
    }

    /// Whether it is one page with another.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        if (self.status, &self.media_type) != (other.status, &other.media_type)
            || self.location != other.location
        {
            return false;
        }
        match self.words.len().min(other.words.len()) < FEW {
            true => self.words == other.words,
            false => self.likeness(other) >= ALIKE,
        }
    }

    /// Whether the portal shows something here that it would not show everywhere: a page, or a
    /// refusal.
    pub(super) fn is_something(&self) -> bool {
        matches!(self.status, 200..=299 | 401 | 403)
    }

    /// The share of words that both have, from 0 to 1.
    fn likeness(&self, other: &Self) -> f64 {
        let (mut one, mut two) = (self.words.iter().peekable(), other.words.iter().peekable());
        let mut common = 0_usize;
        while let (Some(left), Some(right)) = (one.peek(), two.peek()) {
            match left.cmp(right) {
                Ordering::Less => drop(one.next()),
                Ordering::Greater => drop(two.next()),
                Ordering::Equal => {
                    common += 1;
                    one.next();
                    two.next();
                }
            }
        }
        let all = self.words.len() + other.words.len();
        let share = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if all == 0 { 1.0 } else { 2.0 * share(common) / share(all) }
    }
}

/// Whether a word is the same in each response.
fn is_stable(word: &str) -> bool {
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    word.len() < LONG && !(has_digit && word.len() >= TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(status: u16, text: &str, target: &str) -> Page {
        Page::of(&Answer::of_text(status, "text/html", text), target)
    }

    #[test]
    fn same_page_has_another_token_and_another_path() {
        let one = page(200, "<a href='/tickets/new'>New</a> token=8f3a2bc9d1", "/tickets/new");
        let two = page(200, "<a href='/tickets/New'>New</a> token=11ff22ee33", "/tickets/New");
        assert!(one.is_same(&two), "{one:?} {two:?}");
        let escaped = page(200, "<a href='/tickets/n w'>New</a> token=1", "/tickets/n%20w");
        assert!(page(200, "<a href=''>New</a> token=1", "/x").is_same(&escaped));
    }

    #[test]
    fn other_page_has_another_status_type_or_text() {
        let one = page(200, "new ticket form", "/tickets/new");
        for other in [
            page(200, "ticket New", "/tickets/New"),
            page(404, "new ticket form", "/tickets/New"),
            Page::of(&Answer::of_text(200, "text/plain", "new ticket form"), "/tickets/New"),
        ] {
            assert!(!one.is_same(&other), "{other:?}");
        }
    }

    #[test]
    fn long_pages_may_differ_in_few_words() {
        let words: Vec<_> = (0..200).map(|number| format!("w{number}")).collect();
        let (text, mut less) = (words.join(" "), words.clone());
        less.truncate(197);
        assert!(page(200, &text, "/x").is_same(&page(200, &less.join(" "), "/x")));
        less.truncate(150);
        assert!(!page(200, &text, "/x").is_same(&page(200, &less.join(" "), "/x")));
    }
}
