//! What credentials are checked and made with.

use std::time::Duration;

use crate::config::Passwords;
use crate::credential::hashing::Hasher;
use crate::credential::key::{Purpose, SecretKey};
use crate::credential::link::SecureLinks;
use crate::credential::lockout::{Key, Lockout};
use crate::credential::recovery::RecoveryCodes;
use crate::credential::seal::Sealer;
use crate::credential::secret::Secret;
use crate::credential::token::PlainToken;
use crate::directory::records::{MailId, Occasion, OrganizationId, User};

/// What credentials are checked and made with.
#[derive(Debug, Clone)]
pub struct AuthServices {
    /// The pool that hashes passwords.
    pub hasher: Hasher,
    /// Counts failed attempts.
    pub lockout: Lockout,
    /// Makes and checks the tokens of secure links.
    pub secure_links: SecureLinks,
    /// Makes and seals the tokens of one-time links.
    pub one_time_tokens: OneTimeTokens,
    /// Seals the secrets of second factors, and makes recovery codes.
    pub second_factors: SecondFactorKeys,
    /// Seals the passwords in plans of imports.
    pub import_secrets: ImportSecrets,
}

impl AuthServices {
    /// The services of the installation with this secret key.
    #[must_use]
    pub fn new(key: &SecretKey, hasher: Hasher, lockout: Lockout, lifetimes: Passwords) -> Self {
        Self {
            hasher,
            lockout,
            secure_links: SecureLinks::new(key),
            one_time_tokens: OneTimeTokens::new(key, lifetimes),
            second_factors: SecondFactorKeys::new(key),
            import_secrets: ImportSecrets(Sealer::new(key, Purpose::Import)),
        }
    }

    /// Forgets the failed attempts of a user whose password was replaced: they were made at the
    /// old one. Not when sign-in asks for a second factor, because its codes are counted together with
    /// the password.
    pub(in crate::directory) fn password_replaced(&self, user: &User) {
        if !user.asks_for_second_factor() {
            self.lockout.release(&Key::account(&user.login));
        }
    }
}

/// The tokens of one-time links: how long they are valid, and how they are sealed in the records of
/// mails that wait to be sent.
#[derive(Debug, Clone)]
pub struct OneTimeTokens {
    sealer: Sealer,
    lifetimes: Passwords,
}

impl OneTimeTokens {
    fn new(key: &SecretKey, lifetimes: Passwords) -> Self {
        Self { sealer: Sealer::new(key, Purpose::Mail), lifetimes }
    }

    pub(in crate::directory) const fn lifetime(&self, occasion: Occasion) -> Duration {
        match occasion {
            Occasion::Invitation => self.lifetimes.invitation_lifetime,
            Occasion::Reset => self.lifetimes.reset_lifetime,
        }
    }

    /// Seals a token for the mail with this id.
    pub(crate) fn seal(&self, token: &PlainToken, mail: &MailId) -> String {
        self.sealer.seal(token.expose().as_bytes(), mail.as_str())
    }

    /// The token in the mail with this id; `None` if it was sealed with another key.
    pub(in crate::directory) fn open(&self, sealed: &str, mail: &MailId) -> Option<PlainToken> {
        let token = self.sealer.open(sealed, mail.as_str())?;
        PlainToken::parse(std::str::from_utf8(token.expose()).ok()?)
    }

    /// The token in a mail.
    #[cfg(test)]
    pub(crate) fn token_in(&self, id: &MailId, mail: &crate::directory::records::Mail) -> String {
        self.open(mail.token.as_deref().unwrap(), id).unwrap().expose().to_owned()
    }
}

/// Seals the passwords of a file from when it is read until its rows are imported.
#[derive(Debug, Clone)]
pub struct ImportSecrets(Sealer);

impl ImportSecrets {
    /// Seals the password of a new user of this organization.
    #[must_use]
    pub fn seal(&self, password: &str, organization: &OrganizationId) -> String {
        self.0.seal(password.as_bytes(), organization.as_ref())
    }

    /// The password; `None` if it was sealed with another key, or for another organization.
    #[must_use]
    pub fn open(&self, sealed: &str, organization: &OrganizationId) -> Option<Secret<String>> {
        let password = self.0.open(sealed, organization.as_ref())?;
        String::from_utf8(password.expose().clone()).ok().map(Secret::new)
    }
}

/// The keys of second factors.
#[derive(Debug, Clone)]
pub struct SecondFactorKeys {
    /// Seals the secrets at rest.
    pub(in crate::directory) secrets: Sealer,
    /// Seals a proposed secret in the form that confirms it.
    pub(in crate::directory) proposals: Sealer,
    pub(in crate::directory) recovery_codes: RecoveryCodes,
}

impl SecondFactorKeys {
    fn new(key: &SecretKey) -> Self {
        Self {
            secrets: Sealer::new(key, Purpose::SecondFactor),
            proposals: Sealer::new(key, Purpose::PendingSignIn),
            recovery_codes: RecoveryCodes::new(key),
        }
    }
}
