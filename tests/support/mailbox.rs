//! The mails that a gateway puts into its folder, one after the other, as their readers see them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mail_parser::MessageParser;

use crate::support::gate::{HOST, TestGate};

/// A gateway's folder of mails.
#[derive(Debug)]
pub(crate) struct Mailbox<'g> {
    gate: &'g TestGate,
    seen: BTreeSet<PathBuf>,
}

/// A mail.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) blind_copy: Option<String>,
    pub(crate) text: String,
}

impl<'g> Mailbox<'g> {
    pub(crate) fn of(gate: &'g TestGate) -> Self {
        Self { gate, seen: BTreeSet::new() }
    }

    /// The next mail, when it has come; there must be no more than that one.
    pub(crate) async fn next(&mut self) -> Mail {
        self.gate.logged_times("an email was sent", self.seen.len() + 1).await;
        let mut new = self.files();
        new.retain(|file| !self.seen.contains(file));
        let [file] = &new[..] else { panic!("more mails than one: {new:?}") };
        self.seen.insert(file.clone());
        let message = std::fs::read(file).unwrap();
        let message = MessageParser::default().parse(&message).unwrap();
        let only = |addresses: &mail_parser::Address<'_>| {
            addresses.first().unwrap().address().unwrap().to_owned()
        };
        Mail {
            to: only(message.to().unwrap()),
            blind_copy: message.bcc().map(only),
            text: message.body_text(0).unwrap().into_owned(),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.gate.file("mail")).unwrap();
        let files = folder.map(|file| file.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "eml")).collect()
    }
}

impl Mail {
    /// The target of the link in it.
    pub(crate) fn link(&self) -> String {
        let host = format!("://{HOST}");
        let links = self.text.split_whitespace().filter_map(|word| word.split_once(&host));
        let links: Vec<_> = links.filter(|(_, to)| to.starts_with("/.portcullis/")).collect();
        let [(_, link)] = &links[..] else { panic!("not one link in {}", self.text) };
        (*link).to_owned()
    }
}
