//! The addresses of our own pages. The routers, the links in pages and mails, and the API take them
//! from here.

pub use portcullis_policy::RESERVED;

/// The sign-in page.
pub const SIGN_IN: &str = "/.portcullis/sign-in";
/// The sign-in page for a visitor who is signed in and wants another account.
pub const SWITCH_ACCOUNT: &str = "/.portcullis/sign-in?switch=1";
/// The page for the code of the second factor.
pub const MFA: &str = "/.portcullis/mfa";
/// The page that sets up the second factor.
pub const MFA_SETUP: &str = "/.portcullis/mfa/setup";
/// The recovery codes that a form holds, as a file.
pub const RECOVERY_CODES_FILE: &str = "/.portcullis/mfa/recovery-codes.txt";
/// The page to sign out on.
pub const SIGN_OUT: &str = "/.portcullis/sign-out";
/// A portal user's own account. The portal may link to it, and to the page to sign out on.
pub const ACCOUNT: &str = "/.portcullis/account";
/// Changing one's own password.
pub const ACCOUNT_PASSWORD: &str = "/.portcullis/account/password";
/// One's own second factor.
pub const ACCOUNT_MFA: &str = "/.portcullis/account/mfa";
/// One's own recovery codes: how many are left, and new ones.
pub const RECOVERY_CODES: &str = "/.portcullis/account/recovery-codes";
/// A portal user's own sessions.
pub const SESSIONS: &str = "/.portcullis/sessions";
/// A portal user's own tokens for programs.
pub const ACCESS_TOKENS: &str = "/.portcullis/tokens";
/// The pages on which portal users manage their own account.
pub const OF_ACCOUNT: [&str; 6] =
    [ACCOUNT, ACCOUNT_PASSWORD, ACCOUNT_MFA, RECOVERY_CODES, SESSIONS, ACCESS_TOKENS];
/// The page that asks for a link to reset a password.
pub const FORGOT_PASSWORD: &str = "/.portcullis/password/forgot";
/// Secure links; the token follows.
pub const SECURE_LINK: &str = "/.portcullis/link/";
/// Links with which the operator's staff opens the portal; the token follows.
pub const VIEW: &str = "/.portcullis/view/";
/// The page that ends a session of the operator's staff. No token is called so.
pub const VIEW_STOP: &str = "/.portcullis/view/stop";
/// Links in invitations; the token follows.
pub const INVITATION: &str = "/.portcullis/invitation/";
/// Links in password resets; the token follows.
pub const PASSWORD_RESET: &str = "/.portcullis/password/reset/";
/// Style sheets, scripts and pictures; the name follows.
pub const ASSETS: &str = "/.portcullis/assets/";
/// What nginx asks about each request.
pub const VERIFY_NGINX: &str = "/.portcullis/verify/nginx";
/// What the client of a request that nginx refuses gets.
pub const ANSWER: &str = "/.portcullis/answer";
/// What Caddy, Traefik and HAProxy ask about each request.
pub const VERIFY_FORWARD: &str = "/.portcullis/verify/forward";
/// What Envoy asks about each request, whose target follows.
pub const VERIFY_ENVOY: &str = "/.portcullis/verify/envoy/";
/// The public keys of assertions, as a JWK Set.
pub const KEYS: &str = "/.portcullis/jwks.json";

/// The URL of a secure link; `public_url` has no slash at its end.
#[must_use]
pub fn secure_link(public_url: &str, token: &str) -> String {
    format!("{public_url}{SECURE_LINK}{token}")
}

/// The URL of a link that opens the portal for staff; `public_url` has no slash at its end.
#[must_use]
pub fn view_link(public_url: &str, token: &str) -> String {
    format!("{public_url}{VIEW}{token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r61_every_page_of_ours_is_below_the_reserved_prefix() {
        for path in [
            SIGN_IN,
            SWITCH_ACCOUNT,
            MFA,
            MFA_SETUP,
            RECOVERY_CODES_FILE,
            SIGN_OUT,
            ACCOUNT,
            ACCOUNT_PASSWORD,
            ACCOUNT_MFA,
            RECOVERY_CODES,
            SESSIONS,
            ACCESS_TOKENS,
            FORGOT_PASSWORD,
            SECURE_LINK,
            KEYS,
            VIEW,
            VIEW_STOP,
            INVITATION,
            PASSWORD_RESET,
            ASSETS,
            VERIFY_NGINX,
            ANSWER,
            VERIFY_FORWARD,
            VERIFY_ENVOY,
        ] {
            assert!(path.starts_with(RESERVED), "{path}");
        }
    }
}
