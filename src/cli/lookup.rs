//! From what an operator types to a record: a login, a name, an id, or the beginning of an id.
//!
//! Only ids that the gateway generates can be shortened. Chosen ids are often the beginning of
//! others (`acme`, `acme-2`), and a command that runs twice must not reach another record the second
//! time.

use std::collections::{BTreeSet, HashMap};

use anyhow::{anyhow, bail};
use serde_json::Value;

use super::client::ApiError;
use super::console::{Console, array, field, text};
use portcullis_policy::did_you_mean;

/// How many characters of a long id tables show.
pub(super) const SHORT_ID: usize = 12;
/// The fewest characters that select a record.
const SHORTEST: usize = 4;
/// The length of a generated id of a user, end user, organization or group.
const GENERATED: usize = 12;
/// The length of the id of a mail.
const MAIL_ID: usize = 16;
/// The length of the id of a session or token: a SHA-256 in hexadecimal.
const HASH: usize = 64;

/// A portal user, by id or login.
pub(super) fn user(console: &Console<'_>, given: &str) -> anyhow::Result<Value> {
    let by_id = match given.len() == GENERATED {
        true => existing(console, &["users"], given)?,
        false => None,
    };
    let found = console.list(&["users"], &[("login", Some(given))])?;
    if let Some(user) = by_id {
        // Neither may be taken for the other.
        if array(&found, "items").first().is_some_and(|other| text(other, "id") != given) {
            bail!(
                "`{given}` is the id of one portal user and the login of another; use the other's id"
            );
        }
        return Ok(user);
    }
    match array(&found, "items").first() {
        Some(user) => Ok(user.clone()),
        None => Kind::new("login", "portcullis users list").find(console, &["users"], given),
    }
}

/// The id of a portal user.
pub(super) fn user_id(console: &Console<'_>, given: &str) -> anyhow::Result<String> {
    Ok(text(&user(console, given)?, "id"))
}

/// Whether this can be the id of a portal user, perhaps of one who no longer exists.
pub(super) fn is_user_id(given: &str) -> bool {
    is_generated(given, GENERATED)
}

/// A group, by id or name.
pub(super) fn group(console: &Console<'_>, given: &str) -> anyhow::Result<Value> {
    Kind::new("name", "portcullis groups list").find(console, &["groups"], given)
}

/// The logins of the portal users of these sessions, by their ids.
pub(super) fn logins_of(
    console: &Console<'_>,
    sessions: &Value,
) -> anyhow::Result<HashMap<String, String>> {
    let users = array(sessions, "items").iter().map(|session| field(session, "user"));
    logins(console, users.filter_map(Value::as_str).collect())
}

/// The logins of the portal users who are the actors of these entries of the audit log, by their
/// ids.
pub(super) fn logins_of_actors(
    console: &Console<'_>,
    entries: &Value,
) -> anyhow::Result<HashMap<String, String>> {
    let actors = array(entries, "items").iter().map(|entry| field(entry, "actor"));
    let users = actors.filter(|actor| field(actor, "kind") == "portal-user");
    logins(console, users.filter_map(|user| field(user, "id").as_str()).collect())
}

fn logins(console: &Console<'_>, ids: BTreeSet<&str>) -> anyhow::Result<HashMap<String, String>> {
    let mut logins = HashMap::new();
    if console.is_json() {
        return Ok(logins);
    }
    let mut add = |user: &Value| logins.insert(text(user, "id"), text(user, "login"));
    for id in ids {
        if let Some(user) = existing(console, &["users"], id)? {
            add(&user);
        }
    }
    Ok(logins)
}

/// The id of a group.
pub(super) fn group_id(console: &Console<'_>, given: &str) -> anyhow::Result<String> {
    Ok(text(&group(console, given)?, "id"))
}

/// An organization, by id or name.
pub(super) fn organization(console: &Console<'_>, given: &str) -> anyhow::Result<Value> {
    Kind::new("name", "portcullis organizations list").find(console, &["organizations"], given)
}

/// The id of an organization.
pub(super) fn organization_id(console: &Console<'_>, given: &str) -> anyhow::Result<String> {
    Ok(text(&organization(console, given)?, "id"))
}

/// An end user of the organization with this id, by id, name or email address.
pub(super) fn end_user(
    console: &Console<'_>,
    organization: &str,
    given: &str,
) -> anyhow::Result<Value> {
    let kind = Kind::new("name", "portcullis organizations end-users list");
    kind.find(console, &["organizations", organization, "end-users"], given)
}

/// The id of a session.
pub(super) fn session_id(console: &Console<'_>, given: &str) -> anyhow::Result<String> {
    if given.len() == HASH {
        return Ok(given.to_owned());
    }
    match with_prefix(&console.list(&["sessions"], &[])?, given, HASH)? {
        Some(session) => Ok(text(session, "id")),
        None => bail!("there is no session `{given}`; list them with `portcullis sessions list`"),
    }
}

/// A mail by id, or the last mail to the portal user with this login.
pub(super) fn mail(console: &Console<'_>, given: &str) -> anyhow::Result<Value> {
    if let Some(mail) = existing(console, &["mail"], given)? {
        return Ok(mail);
    }
    let mails = console.list(&["mail"], &[])?;
    // The newest comes first.
    let of_user = |mail: &&Value| is_named(mail, "login", given);
    if let Some(mail) = array(&mails, "items").iter().find(of_user) {
        return Ok(mail.clone());
    }
    match with_prefix(&mails, given, MAIL_ID)? {
        Some(mail) => Ok(mail.clone()),
        None => bail!("there is no email `{given}`; list them with `portcullis mail list`"),
    }
}

/// A token in a list, by name or id.
pub(super) fn token<'a>(tokens: &'a Value, given: &str) -> anyhow::Result<Option<&'a Value>> {
    let mut named =
        array(tokens, "items").iter().filter(|token| field(token, "name").as_str() == Some(given));
    match (named.next(), named.next()) {
        (Some(token), None) => Ok(Some(token)),
        (None, _) => with_prefix(tokens, given, HASH),
        (Some(_), Some(_)) => bail!("several tokens are named `{given}`; use the id"),
    }
}

/// The id as tables show it.
pub(super) fn short(id: &str) -> String {
    id.chars().take(SHORT_ID).collect()
}

/// How records of one kind are named.
struct Kind {
    /// The field with the name that people know.
    name: &'static str,
    list: &'static str,
}

impl Kind {
    const fn new(name: &'static str, list: &'static str) -> Self {
        Self { name, list }
    }

    /// The record at a path, by its id, else by its name, else by the beginning of its id.
    fn find(&self, console: &Console<'_>, path: &[&str], given: &str) -> anyhow::Result<Value> {
        let missing = match console.get(&[path, &[given]].concat()) {
            Ok(record) => return Ok(record),
            Err(error) => error.downcast::<ApiError>()?,
        };
        if !missing.is("not-found") {
            return Err(missing.into());
        }
        // Fails if it is the collection that does not exist, which has a better message.
        let searched = match path {
            ["groups"] => console.list(path, &[])?,
            _ => console.list(path, &[("search", Some(given))])?,
        };
        let mut named = array(&searched, "items").iter().filter(|record| {
            is_named(record, self.name, given) || is_named(record, "email", given)
        });
        match (named.next(), named.next()) {
            (Some(record), None) => return Ok(record.clone()),
            (Some(one), Some(other)) => bail!(
                "`{given}` is the name of several records; use an id, such as {} or {}",
                text(one, "id"),
                text(other, "id")
            ),
            (None, _) => {}
        }
        let records = console.list(path, &[])?;
        let items = array(&records, "items");
        if let Some(record) = with_prefix(&records, given, GENERATED)? {
            return Ok(record.clone());
        }
        let known = items.iter().flat_map(|record| {
            [field(record, "id").as_str(), field(record, self.name).as_str()].into_iter().flatten()
        });
        // The part of a login before the `@`.
        let whole = format!("{}@", given.trim().to_lowercase());
        let mut addresses = items
            .iter()
            .filter_map(|record| field(record, self.name).as_str())
            .filter(|name| name.to_lowercase().starts_with(&whole));
        let proposal = match (addresses.next(), addresses.next()) {
            (Some(address), None) => format!("; did you mean `{address}`?"),
            _ => did_you_mean(given, known),
        };
        Err(match proposal.is_empty() {
            false => anyhow!("{missing}{proposal}"),
            true => anyhow!("{missing}; list them with `{}`", self.list),
        })
    }
}

/// The record at a path, `None` if it does not exist.
fn existing(console: &Console<'_>, path: &[&str], id: &str) -> anyhow::Result<Option<Value>> {
    match console.get(&[path, &[id]].concat()) {
        Ok(record) => Ok(Some(record)),
        Err(error) => match error.downcast::<ApiError>()? {
            missing if missing.is("not-found") => Ok(None),
            other => Err(other.into()),
        },
    }
}

fn is_named(record: &Value, name: &str, given: &str) -> bool {
    let known = field(record, name).as_str();
    known.is_some_and(|known| known.to_lowercase() == given.trim().to_lowercase())
}

/// The record of a list whose generated id, which has this length, begins like this.
fn with_prefix<'a>(
    records: &'a Value,
    prefix: &str,
    length: usize,
) -> anyhow::Result<Option<&'a Value>> {
    if prefix.len() < SHORTEST {
        return Ok(None);
    }
    let begins = |record: &&Value| {
        let id = field(record, "id").as_str().unwrap_or_default();
        is_generated(id, length) && id.starts_with(prefix)
    };
    let mut found = array(records, "items").iter().filter(begins);
    match (found.next(), found.next()) {
        (record, None) => Ok(record),
        (_, Some(_)) => bail!("several ids begin with `{prefix}`; use more characters"),
    }
}

/// Whether an id has the form of generated ones: random digits and letters. Ids that people choose
/// are rarely of the same length and rarely mix both.
fn is_generated(id: &str, length: usize) -> bool {
    id.len() == length
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && id.bytes().any(|byte| byte.is_ascii_digit())
        && id.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_generated_ids_can_be_shortened() {
        let records = json!({ "items": [
            { "id": "acme-2" }, { "id": "acmeholdings" }, { "id": "100200300400" },
            { "id": "446nd34dnhne" }, { "id": "446nzzzzzz12" }, { "id": "8k3v5c1q0a7b" },
        ] });
        let found = |prefix| with_prefix(&records, prefix, GENERATED);
        assert_eq!(found("8k3v").unwrap().unwrap()["id"], "8k3v5c1q0a7b");
        assert_eq!(found("446nd").unwrap().unwrap()["id"], "446nd34dnhne");
        for chosen in ["acme", "1002", "8k3", "none"] {
            assert!(found(chosen).unwrap().is_none(), "{chosen}");
        }
        let several = found("446n").unwrap_err().to_string();
        assert!(several.contains("several ids begin with `446n`"), "{several}");
    }

    #[test]
    fn a_token_is_found_by_its_name_or_id() {
        let id = format!("7258{}", "0a".repeat(30));
        let tokens = json!({ "items": [
            { "id": id, "name": "CI" }, { "id": "b".repeat(64), "name": "twin" },
            { "id": "c".repeat(64), "name": "twin" },
        ] });
        for given in ["CI", "7258", &id] {
            assert_eq!(token(&tokens, given).unwrap().unwrap()["name"], "CI", "{given}");
        }
        assert!(token(&tokens, "ci").unwrap().is_none());
        assert!(token(&tokens, "twin").is_err());
    }
}
