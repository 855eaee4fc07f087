//! An outbox over the embedded store, with a transport that does what the test says.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mail_parser::{Message, MessageParser};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::link::SecureLinks;
use crate::credential::lockout::Lockout;
use crate::credential::token::PlainToken;
use crate::directory::letters::{LetterView, Occasion, fixture};
use crate::directory::one_time::OneTimeLinks;
use crate::directory::organizations::NewOrganization;
use crate::directory::second_factor::SecondFactorJudge;
use crate::directory::users::NewUser;
use crate::directory::{Directory, Judges, Memory};
use crate::mail::message::{Writer, Written};
use crate::mail::text::Templates;
use crate::mail::transport::Carrier;
use crate::mail::{Bell, Outbox};
use crate::policy::Policy;
use crate::store::Store;
use crate::store::feed::{Feed, Follower};
use crate::store::sled::SledStore;

const CHEAP: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 1, queue: 8 };

/// A transport that keeps what it takes, or says why it does not.
#[derive(Debug, Clone, Default)]
pub(super) struct Basket {
    pub(super) taken: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(super) away: Arc<Mutex<Option<String>>>,
}

#[async_trait]
impl Carrier for Basket {
    async fn carry(&self, mail: &Written) -> Result<(), String> {
        if let Some(why) = self.away.lock().unwrap().clone() {
            return Err(why);
        }
        self.taken.lock().unwrap().push(mail.message.formatted());
        Ok(())
    }
}

impl Basket {
    pub(super) fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    pub(super) fn last(&self) -> Message<'static> {
        parsed(self.taken.lock().unwrap().last().unwrap())
    }
}

/// A directory with a portal user, and its outbox.
pub(super) struct Bench {
    pub(super) directory: Directory,
    pub(super) user: String,
    pub(super) bell: Arc<Bell>,
    _folder: TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path()).unwrap());
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let policy = Arc::new(Policy::load(&policies).unwrap());
        let memory = Arc::new(Memory::new(Arc::clone(&store), policy));
        let bell = Arc::new(Bell::default());
        let followers: Vec<Arc<dyn Follower>> = vec![Arc::clone(&memory) as _, bell.clone()];
        let feed = Feed::start(store, followers).await.unwrap();
        let key = SecretKey::generate();
        let judges = Judges {
            hasher: Hasher::new(CHEAP).unwrap(),
            lockout: Lockout::default(),
            links: SecureLinks::new(&key),
            one_time: OneTimeLinks::new(&key, settings("").passwords),
            second_factor: SecondFactorJudge::new(&key),
        };
        let directory = Directory::start(feed, memory, judges).await.unwrap();
        let acme = NewOrganization { id: Some("acme".into()), name: "Acme".into(), email: None };
        directory.create_organization(acme, now()).await.unwrap();
        let ann = NewUser {
            organization: "acme".to_owned(),
            login: Some("ann@acme.example".to_owned()),
            ..NewUser::default()
        };
        let user = directory.create_user(ann, now()).await.unwrap().id;
        Self { directory, user, bell, _folder: folder }
    }

    pub(super) async fn write(&self, id: &str, occasion: Occasion) -> PlainToken {
        fixture::write(&self.directory, (id, &self.user), occasion, now()).await
    }

    pub(super) fn outbox(&self, carrier: impl Carrier + 'static) -> Outbox {
        let (directory, bell) = (self.directory.clone(), Arc::clone(&self.bell));
        Outbox::new(directory, writer(""), Box::new(carrier), bell)
    }

    pub(super) async fn letter(&self, id: &str) -> LetterView {
        self.directory.show_letter(id).await.unwrap()
    }
}

impl Outbox {
    /// A round at a time after the beginning.
    pub(super) async fn round_at(&self, seconds: i64) -> Option<Timestamp> {
        self.round(&move || after(seconds), &CancellationToken::new()).await.unwrap()
    }
}

/// Writes with the built-in templates, and with these settings besides the least.
pub(super) fn writer(settings: &str) -> Writer {
    Writer::new(&self::settings(settings), Templates::load(None).unwrap())
}

pub(super) fn settings(more: &str) -> Settings {
    let text = format!(
        "[server]\npublic_url = \"https://portal.example\"\n\
         [upstream]\nservers = [\"http://127.0.0.1:9\"]\n{more}"
    );
    Settings::parse(&text, Path::new("test"), &HashMap::new()).unwrap()
}

pub(super) fn parsed(message: &[u8]) -> Message<'static> {
    MessageParser::default().parse(message).unwrap().into_owned()
}

pub(super) fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

pub(super) fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}
