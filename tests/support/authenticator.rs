//! An authenticator app: codes computed from the secret of a set-up page, at the real time.

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use totp_rs::{Builder, Totp};

use crate::support::client::Reply;

/// A person's authenticator app. Its clock stands still, so that what a test takes for the next
/// code is the next one.
pub(crate) struct App {
    totp: Totp,
    time: u64,
}

impl App {
    /// Takes over the secret of a set-up page.
    pub(crate) fn scan(page: &Reply) -> Self {
        let (_, rest) = page.text().split_once("<p class=\"key\"><code>").expect("a secret");
        Self::new(rest.split('<').next().unwrap())
    }

    /// Takes over a secret as a person reads it.
    #[expect(clippy::disallowed_methods, reason = "the gateway reads the real time too")]
    pub(crate) fn new(text: &str) -> Self {
        let secret = BASE32_NOPAD.decode(text.replace(' ', "").as_bytes()).unwrap();
        assert_eq!(secret.len(), 20);
        let time = u64::try_from(Timestamp::now().as_second()).unwrap();
        Self { totp: Builder::new().with_secret(secret).build().unwrap(), time }
    }

    pub(crate) fn code(&self) -> String {
        self.totp.generate(self.time).to_string()
    }

    pub(crate) fn next(&self) -> String {
        self.totp.generate(self.time + 30).to_string()
    }

    /// A code that is none of those that could be taken.
    pub(crate) fn wrong(&self) -> String {
        let taken: Vec<String> =
            (0..5).map(|step| self.totp.generate(self.time + 30 * step - 60).to_string()).collect();
        (0..).map(|n| format!("{n:06}")).find(|code| !taken.contains(code)).unwrap()
    }
}
