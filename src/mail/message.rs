//! Composes messages (RFC 5322) with their envelopes.
//!
//! The text in a header comes from a template or a record. Control characters are removed from it,
//! so that it cannot add a line, and lettre encodes the rest (RFC 2047). A mail gives the same
//! message each time, with the same Message-ID.

use jiff::{SignedDuration, Timestamp};
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MessageBuilder, MultiPart, SinglePart};

use super::error::SendError;
use super::queue::OpenMail;
use super::templates::{ContactVariables, LinkVariables, Templates, Text, Valid, Variables};
use crate::config::{Contact, PageLink, Settings, Shades};
use crate::credential::token::PlainToken;
use crate::directory::MailId;
use crate::directory::records::{Mail, Occasion};
use crate::email;
use crate::web::paths;
use crate::web::text::written_time;

/// The most bytes of a line (RFC 5322, 2.1.1).
const LONGEST_LINE: usize = 998;
/// Marks a mail that no person has written, so that it gets no automatic reply (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// Composes messages.
#[derive(Debug)]
pub(super) struct Composer {
    templates: Templates,
    business: String,
    from: Mailbox,
    public_url: String,
    /// Where users can ask for help.
    contact: Option<ShownContact>,
    links: Vec<PageLink>,
    /// The operator's colours on a light background.
    shades: Shades,
}

/// The operator's contact, as mails show it.
#[derive(Debug)]
struct ShownContact {
    text: String,
    url: String,
    /// The text with the address.
    full: String,
}

/// A message to send.
#[derive(Debug, Clone)]
pub(super) struct OutgoingMail {
    /// The mail's id.
    pub(super) id: MailId,
    /// When the mail was created.
    pub(super) created: Timestamp,
    pub(super) envelope: Envelope,
    /// The message, without the recipient of the blind copy.
    pub(super) message: Message,
    /// The recipient of the blind copy.
    pub(super) blind_copy: Option<Address>,
}

impl Composer {
    pub(super) fn new(settings: &Settings, templates: Templates) -> Self {
        let business = on_one_line(&settings.branding.name);
        let from = sender(settings);
        let public_url = settings.server.public_url.as_str().to_owned();
        let contact = settings.branding.contact.as_ref().map(ShownContact::new);
        let links = settings.branding.links.clone();
        let shades = settings.branding.accents.light;
        Self { templates, business, from, public_url, contact, links, shades }
    }

    /// The sender of all mails.
    pub(super) const fn from(&self) -> &Mailbox {
        &self.from
    }

    fn link(&self, page: &str, token: &str) -> String {
        format!("{}{page}{token}", self.public_url)
    }

    /// The text of a mail at a time, with this token in its link.
    ///
    /// # Errors
    /// When a template cannot be rendered.
    pub(super) fn text(&self, mail: &Mail, token: &str, now: Timestamp) -> Result<Text, String> {
        let link = match mail.occasion.link() {
            Some(Occasion::Invitation) => self.link(paths::INVITATION, token),
            Some(Occasion::Reset) => self.link(paths::PASSWORD_RESET, token),
            None => String::new(),
        };
        let language = self.templates.language(mail.occasion, mail.language.as_deref());
        let links: Vec<_> = self
            .links
            .iter()
            .map(|link| LinkVariables {
                name: on_one_line(link.name(&language)),
                url: link.url.clone(),
            })
            .collect();
        let variables = Variables {
            business: &self.business,
            login: &on_one_line(&mail.login),
            organization_name: &on_one_line(&mail.organization_name),
            link: &link,
            until: &written_time(mail.expires, &language),
            valid: valid(mail.expires.duration_since(now)),
            notice: mail.notice,
            at: &written_time(mail.created, &language),
            contact: self.contact.as_ref().map(ShownContact::variables).unwrap_or_default(),
            links: &links,
            accent: &self.shades.fill.to_string(),
            on_accent: &self.shades.on_fill.to_string(),
            accent_text: &self.shades.text.to_string(),
        };
        self.templates.text(mail.occasion, &language, &variables)
    }

    /// Composes the message of a mail.
    pub(super) fn compose(
        &self,
        open: &OpenMail,
        now: Timestamp,
    ) -> Result<OutgoingMail, SendError> {
        let mail = &open.mail;
        let to = email::address(&mail.to).map_err(|why| {
            SendError::Permanent(format!("`{}` is not an email address: {why}", mail.to))
        })?;
        let blind_copy = mail.blind_copy.as_deref().and_then(|given| {
            let copy = email::address(given);
            if let Err(why) = copy {
                tracing::warn!(mail.id = %open.id, %why, "the blind copy has no valid address and is not sent");
            }
            copy.ok().filter(|copy| *copy != to)
        });
        let token = open.token.as_ref().map_or("", PlainToken::expose);
        let text = self.text(mail, token, now).map_err(SendError::Transient)?;
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()])
            .map_err(|error| SendError::Permanent(error.to_string()))?;
        let parts = MultiPart::alternative()
            .boundary(format!("portcullis-{}", open.id))
            .singlepart(part(ContentType::TEXT_PLAIN, text.plain))
            .singlepart(part(ContentType::TEXT_HTML, text.html));
        let message = builder(&open.id, mail.created, &self.from, &text.subject)
            .envelope(envelope.clone())
            .to(Mailbox::from(to))
            .multipart(parts)
            .map_err(|error| SendError::Permanent(error.to_string()))?;
        Ok(OutgoingMail {
            id: open.id.clone(),
            created: mail.created,
            envelope,
            message,
            blind_copy,
        })
    }
}

impl ShownContact {
    fn new(contact: &Contact) -> Self {
        let (text, url) = (on_one_line(&contact.text), contact.href.clone());
        let address = url.strip_prefix("mailto:").or_else(|| url.strip_prefix("tel:"));
        let letters = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let is_address = letters(&url).contains(&letters(&text));
        let full = match (is_address, address) {
            (true, Some(_)) => text.clone(),
            // Programs that read mail make links of whole URLs only.
            (true, None) => url.clone(),
            (false, address) => format!("{text} ({})", address.unwrap_or(&url)),
        };
        Self { text, url, full }
    }

    fn variables(&self) -> ContactVariables<'_> {
        let Self { text, url, full } = self;
        ContactVariables { text: Some(text), url: Some(url), full: Some(full) }
    }
}

/// The sender of all mails.
pub(super) fn sender(settings: &Settings) -> Mailbox {
    let mut from = settings.mail.from.0.clone();
    // Recipients know the business, not the address.
    from.name.get_or_insert_with(|| on_one_line(&settings.branding.name));
    from
}

/// A message with the headers that do not depend on the recipient.
pub(super) fn builder(
    id: &MailId,
    created: Timestamp,
    from: &Mailbox,
    subject: &str,
) -> MessageBuilder {
    Message::builder()
        .date(created.into())
        .from(from.clone())
        .subject(on_one_line(subject))
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
}

/// ASCII text is not encoded, so that the link can be copied from the raw message.
pub(super) fn part(kind: ContentType, text: String) -> SinglePart {
    let plain = text.is_ascii() && text.lines().all(|line| line.len() <= LONGEST_LINE);
    let body = match plain {
        // lettre would encode lines longer than 76 bytes.
        true => {
            let lines: Vec<&str> = text.lines().collect();
            let text = lines.join("\r\n").into_bytes();
            Body::dangerous_pre_encoded(text, ContentTransferEncoding::SevenBit)
        }
        false => Body::new(text),
    };
    SinglePart::builder().header(kind).body(body)
}

/// Rounded to the nearest minute; in hours if there are at least two.
fn valid(left: SignedDuration) -> Valid {
    let minutes = (left.as_secs() + 30) / 60;
    match minutes {
        120.. => Valid { count: (minutes + 30) / 60, unit: "hour" },
        60 => Valid { count: 1, unit: "hour" },
        _ => Valid { count: minutes.max(1), unit: "minute" },
    }
}

/// Replaces line breaks, control characters and marks of text direction by spaces.
pub(super) fn on_one_line(text: &str) -> String {
    let is_control = |c: char| {
        portcullis_policy::breaks_line(c)
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect()
}
