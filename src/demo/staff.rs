//! The demo's administrator and token. Their secrets cannot be shown again, so each start issues
//! new ones.

use serde::Serialize;

use crate::credential::secret::Secret;
use crate::directory::access::administrators::NewAdministrator;
use crate::directory::access::api_tokens::NewApiToken;
use crate::directory::records::{Rights, Role, Scope};
use crate::directory::{Change, Directory, DirectoryError, PageRequest};

/// The administrator's login, and the token's name.
const NAME: &str = "demo";

/// How to use the admin API as an owner.
#[derive(Debug, Clone, Serialize)]
pub struct Staff {
    /// The administrator.
    pub administrator: ReadyAdministrator,
    /// A bearer token.
    pub token: String,
}

/// An administrator.
#[derive(Debug, Clone, Serialize)]
pub struct ReadyAdministrator {
    /// The login.
    pub login: String,
    /// The password.
    pub password: String,
    /// The secret of the authenticator app, in base32.
    pub totp_secret: String,
    /// Codes that stand in for the app, each once.
    pub recovery_codes: Vec<String>,
}

/// Creates the administrator with this password and the token, or issues new secrets to those of an
/// earlier start.
pub(super) async fn staff(
    directory: &Directory,
    password: &str,
    change: &Change,
) -> Result<Staff, DirectoryError> {
    let administrators = directory.administrators();
    let page = PageRequest::default();
    let earlier = administrators.list(&page).await?.items;
    let issued = match earlier.iter().find(|earlier| earlier.login == NAME) {
        Some(earlier) => {
            let password = Secret::from(password);
            administrators.set_password(&earlier.id, &password, change).await?;
            administrators.reset_second_factor(&earlier.id, change).await?
        }
        None => {
            let new = NewAdministrator {
                login: NAME.to_owned(),
                email: None,
                role: Role::Owner,
                scope: Scope::ALL,
                impersonate: true,
                password: Secret::from(password),
                mfa: true,
            };
            administrators.create(new, change).await?
        }
    };
    let (secret, recovery_codes) = issued
        .second_factor
        .map(|factor| (factor.secret, factor.recovery_codes))
        .unwrap_or_default();
    let tokens = directory.api_tokens();
    for earlier in tokens.list(&page).await?.items {
        if earlier.name == NAME {
            tokens.revoke(&earlier.id, change).await?;
        }
    }
    let new =
        NewApiToken { name: NAME.to_owned(), email: None, rights: Rights::ALL, expires: None };
    let (_, token) = tokens.create(&new, change).await?;
    Ok(Staff {
        administrator: ReadyAdministrator {
            login: NAME.to_owned(),
            password: password.to_owned(),
            totp_secret: secret.split_whitespace().collect(),
            recovery_codes,
        },
        token: token.expose().to_owned(),
    })
}
