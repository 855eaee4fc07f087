//! From a letter to a message (RFC 5322) and its envelope.
//!
//! Whatever stands in a header comes from a template or a record; lettre encodes it (RFC 2047), and
//! control characters are taken out of names first, so that none of them adds a line. The same
//! letter makes the same message each time, under the same Message-ID.

use jiff::{SignedDuration, Timestamp};
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};

use super::text::{Facts, Templates, Valid};
use crate::config::{Settings, Shades};
use crate::directory::MailId;
use crate::directory::letters::{NotSent, Occasion, OpenLetter};
use crate::email;
use crate::web::paths;

/// Bytes of a line at most (RFC 5322, 2.1.1).
const LONGEST_LINE: usize = 998;
/// Marks what no person has written, so that no absence note answers it (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// Writes messages.
#[derive(Debug)]
pub(super) struct Writer {
    templates: Templates,
    business: String,
    from: Mailbox,
    public_url: String,
    /// The operator's colours; mails are light.
    shades: Shades,
}

/// A message that is ready to go.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// The letter's id.
    pub(super) id: MailId,
    /// When the mail was created.
    pub(super) created: Timestamp,
    /// From whom to whom.
    pub(super) envelope: Envelope,
    /// The message, in which nothing is said of the blind copy.
    pub(super) message: Message,
    /// Who gets the blind copy.
    pub(super) blind_copy: Option<Address>,
}

impl Writer {
    pub(super) fn new(settings: &Settings, templates: Templates) -> Self {
        let business = on_a_line(&settings.branding.name);
        let mut from = settings.mail.from.0.clone();
        // People know the business, not the address.
        from.name.get_or_insert_with(|| business.clone());
        let public_url = settings.server.public_url.as_str().to_owned();
        Self { templates, business, from, public_url, shades: settings.branding.accents.light }
    }

    /// The message of a letter.
    ///
    /// # Errors
    /// When it cannot be written, now or ever.
    pub(super) fn write(&self, open: &OpenLetter, now: Timestamp) -> Result<Written, NotSent> {
        let letter = &open.letter;
        let to = email::address(&letter.to).map_err(|why| {
            NotSent::Ever(format!("`{}` is not an email address: {why}", letter.to))
        })?;
        let blind_copy = letter.blind_copy.as_deref().and_then(|given| {
            let copy = email::address(given);
            if let Err(why) = copy {
                tracing::warn!(mail = %open.id, %why, "the blind copy has no email address");
            }
            copy.ok().filter(|copy| *copy != to)
        });
        let page = match letter.occasion {
            Occasion::Invitation => paths::INVITATION,
            Occasion::Reset => paths::PASSWORD_RESET,
        };
        let link = format!("{}{page}{}", self.public_url, open.token.expose());
        let facts = Facts {
            business: &self.business,
            login: &on_a_line(&letter.login),
            organization_name: &on_a_line(&letter.organization_name),
            link: &link,
            until: &letter.expires.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            valid: valid(letter.expires.duration_since(now)),
            accent: &self.shades.fill.to_string(),
            on_accent: &self.shades.on_fill.to_string(),
            accent_text: &self.shades.text.to_string(),
        };
        let text = self
            .templates
            .text(letter.occasion, letter.language.as_deref(), &facts)
            .map_err(NotSent::Yet)?;
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()])
            .map_err(|error| NotSent::Ever(error.to_string()))?;
        let parts = MultiPart::alternative()
            .boundary(format!("portcullis-{}", open.id))
            .singlepart(part(ContentType::TEXT_PLAIN, text.plain))
            .singlepart(part(ContentType::TEXT_HTML, text.html));
        let message = Message::builder()
            .envelope(envelope.clone())
            .date(letter.created.into())
            .from(self.from.clone())
            .to(Mailbox::from(to))
            .subject(on_a_line(&text.subject))
            .message_id(Some(format!("<{}@{}>", open.id, self.from.email.domain())))
            .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
            .multipart(parts)
            .map_err(|error| NotSent::Ever(error.to_string()))?;
        Ok(Written { id: open.id.clone(), created: letter.created, envelope, message, blind_copy })
    }
}

/// Plain ASCII stands as it is, so that the address in it is whole and can be copied from the raw
/// text; anything else is encoded.
fn part(kind: ContentType, text: String) -> SinglePart {
    let plain = text.is_ascii() && text.lines().all(|line| line.len() <= LONGEST_LINE);
    let body = match plain {
        // lettre itself would break lines at 76 bytes already.
        true => {
            let lines: Vec<&str> = text.lines().collect();
            let text = lines.join("\r\n").into_bytes();
            Body::dangerous_pre_encoded(text, ContentTransferEncoding::SevenBit)
        }
        false => Body::new(text),
    };
    SinglePart::builder().header(kind).body(body)
}

/// To the nearest minute, and in hours when there are at least two of them.
fn valid(left: SignedDuration) -> Valid {
    let minutes = (left.as_secs() + 30) / 60;
    match minutes {
        120.. => Valid { count: (minutes + 30) / 60, unit: "hour" },
        60 => Valid { count: 1, unit: "hour" },
        _ => Valid { count: minutes.max(1), unit: "minute" },
    }
}

/// Without what could end a line or turn the direction of reading round.
fn on_a_line(text: &str) -> String {
    let steers = |c: char| {
        portcullis_policy::breaks_line(c)
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}
