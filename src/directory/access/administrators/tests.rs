//! Accounts, sign-in and sessions of administrators.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::credential::secret::Secret;
use crate::credential::token::PlainToken;
use crate::credential::totp::TotpSecret;
use crate::directory::access::lockouts::Release;
use crate::directory::error::DirectoryError;
use crate::directory::fixture::{ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, by_operator, now};
use crate::directory::records::{AdministratorId, Role, Scope};

const RULES: AdminRules = AdminRules { idle_timeout: Duration::from_secs(900), require_mfa: true };

/// A directory with the owner `olga`, and her second factor.
struct Staff {
    fixture: Fixture,
    id: AdministratorId,
    totp: TotpSecret,
    recovery_codes: Vec<String>,
}

fn new(login: &str, role: Role, mfa: bool) -> NewAdministrator {
    NewAdministrator {
        login: login.to_owned(),
        email: None,
        role,
        scope: Scope::ALL,
        impersonate: false,
        password: Secret::from(PASSWORD),
        mfa,
    }
}

impl Staff {
    async fn start() -> Self {
        let fixture = Fixture::new().await;
        let olga = new("olga", Role::Owner, true);
        let issued = fixture.directory.administrators().create(olga, &by_operator()).await.unwrap();
        let factor = issued.second_factor.as_ref().unwrap();
        let secret: String = factor.secret.split_whitespace().collect();
        let bytes = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let totp = TotpSecret::from_bytes(&bytes).unwrap();
        let recovery_codes = factor.recovery_codes.clone();
        Self { id: issued.id().clone(), fixture, totp, recovery_codes }
    }

    fn administrators(&self) -> &Administrators {
        self.fixture.directory.administrators()
    }

    async fn sign_in_at(&self, password: &str, code: Option<&str>, at: Timestamp) -> AdminSignIn {
        self.sign_in_from(ADDRESS, password, code, at).await
    }

    async fn sign_in_from(
        &self,
        address: IpAddr,
        password: &str,
        code: Option<&str>,
        at: Timestamp,
    ) -> AdminSignIn {
        let password = Secret::from(password);
        let request = AdminSignInRequest { login: "Olga", password, code, address };
        self.administrators().sign_in(request, RULES, at).await.unwrap()
    }

    async fn session(&self, at: Timestamp) -> PlainToken {
        match self.sign_in_at(PASSWORD, Some(&self.totp.code(at)), at).await {
            AdminSignIn::Accepted { token, .. } => token,
            other => panic!("{other:?}"),
        }
    }

    /// A sign-in that needs a code.
    async fn pending(&self, at: Timestamp) -> PendingCode {
        match self.sign_in_at(PASSWORD, None, at).await {
            AdminSignIn::CodeRequired(pending) => pending,
            other => panic!("{other:?}"),
        }
    }

    async fn enter(&self, pending: &PendingCode, code: &str, at: Timestamp) -> AdminCode {
        let entered = (pending.expose().as_str(), code);
        self.administrators().enter_code(entered, ADDRESS, at).await.unwrap()
    }

    async fn is_open(&self, token: &PlainToken, at: Timestamp) -> bool {
        self.administrators()
            .session(&token.hash(), RULES, SessionUse::Attended, at)
            .await
            .unwrap()
            .is_some()
    }
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn password_and_code_start_a_session() {
    let staff = Staff::start().await;
    let token = staff.session(now()).await;
    let signed_in = staff
        .administrators()
        .session(&token.hash(), RULES, SessionUse::Attended, now())
        .await
        .unwrap();
    assert_eq!(signed_in.unwrap().administrator.login, "olga");
    assert!(!staff.is_open(&PlainToken::generate(), now()).await);
}

#[tokio::test]
async fn only_the_right_password_tells_that_a_code_is_required() {
    let staff = Staff::start().await;
    let code = staff.totp.code(now());
    let no_code = staff.sign_in_at(PASSWORD, None, now()).await;
    assert!(matches!(no_code, AdminSignIn::CodeRequired(_)), "{no_code:?}");
    for (password, code) in [
        (OTHER_PASSWORD, None),
        (OTHER_PASSWORD, Some(&*code)),
        (PASSWORD, Some("000000")),
        (PASSWORD, Some("aaaa-bbbb-cccc-dddd")),
    ] {
        let wrong = staff.sign_in_at(password, code, now()).await;
        assert!(matches!(wrong, AdminSignIn::Wrong), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_code_and_a_recovery_code_work_once() {
    let staff = Staff::start().await;
    let recovery = staff.recovery_codes[3].clone();
    for code in [staff.totp.code(now()), recovery] {
        let first = staff.sign_in_at(PASSWORD, Some(&code), now()).await;
        assert!(matches!(first, AdminSignIn::Accepted { .. }), "{first:?}");
        let again = staff.sign_in_at(PASSWORD, Some(&code), now()).await;
        assert!(matches!(again, AdminSignIn::Wrong), "{again:?}");
    }
}

#[tokio::test]
async fn a_code_after_the_password_starts_a_session_once() {
    let staff = Staff::start().await;
    let (pending, other) = (staff.pending(now()).await, staff.pending(now()).await);
    let wrong = staff.enter(&pending, "000000", now()).await;
    assert!(matches!(wrong, AdminCode::Wrong), "{wrong:?}");
    let code = staff.totp.code(now());
    let AdminCode::Accepted { token, .. } = staff.enter(&pending, &code, now()).await else {
        panic!("refused")
    };
    assert!(staff.is_open(&token, now()).await);
    let recovery = &staff.recovery_codes[0];
    for used in [pending, other] {
        let ended = staff.enter(&used, recovery, now()).await;
        assert!(matches!(ended, AdminCode::Ended), "{ended:?}");
    }
    let fresh = staff.pending(now()).await;
    let again = staff.enter(&fresh, &code, now()).await;
    assert!(matches!(again, AdminCode::Wrong), "{again:?}");
    let accepted = staff.enter(&fresh, recovery, now()).await;
    assert!(matches!(accepted, AdminCode::Accepted { .. }), "{accepted:?}");
}

#[tokio::test]
async fn a_code_is_accepted_for_five_minutes_after_the_password() {
    let staff = Staff::start().await;
    let pending = staff.pending(now()).await;
    let late = staff.enter(&pending, &staff.totp.code(after(300)), after(300)).await;
    assert!(matches!(late, AdminCode::Ended), "{late:?}");
    let forged = Secret::from("AAAA");
    let forged = staff.enter(&forged, &staff.totp.code(after(299)), after(299)).await;
    assert!(matches!(forged, AdminCode::Ended), "{forged:?}");
    let timely = staff.enter(&pending, &staff.totp.code(after(299)), after(299)).await;
    assert!(matches!(timely, AdminCode::Accepted { .. }), "{timely:?}");
}

#[tokio::test]
async fn a_new_password_ends_a_sign_in_that_waits_for_a_code() {
    let staff = Staff::start().await;
    let pending = staff.pending(now()).await;
    let password = Secret::from(OTHER_PASSWORD);
    staff.administrators().set_password(&staff.id, &password, &by_operator()).await.unwrap();
    let ended = staff.enter(&pending, &staff.totp.code(now()), now()).await;
    assert!(matches!(ended, AdminCode::Ended), "{ended:?}");
}

#[tokio::test]
async fn i6_wrong_codes_after_the_password_lock_and_end_it() {
    let staff = Staff::start().await;
    let pending = staff.pending(now()).await;
    for attempt in 0..5 {
        let wrong = match attempt {
            // Passwords and codes count together.
            0 => matches!(staff.sign_in_at("wrong", None, now()).await, AdminSignIn::Wrong),
            _ => matches!(staff.enter(&pending, "000000", now()).await, AdminCode::Wrong),
        };
        assert!(wrong, "{attempt}");
    }
    let locked = staff.enter(&pending, &staff.totp.code(now()), now()).await;
    assert!(matches!(locked, AdminCode::LockedOut { .. }), "{locked:?}");
    // After the wait the password is needed again.
    let code = staff.totp.code(after(60));
    let ended = staff.enter(&pending, &code, after(60)).await;
    assert!(matches!(ended, AdminCode::Ended), "{ended:?}");
    let fresh = staff.pending(after(60)).await;
    let accepted = staff.enter(&fresh, &code, after(60)).await;
    assert!(matches!(accepted, AdminCode::Accepted { .. }), "{accepted:?}");
}

#[tokio::test]
async fn i6_failures_of_administrators_lock_their_login() {
    let staff = Staff::start().await;
    for attempt in 0..5_u8 {
        // Passwords and codes count together, from whichever address.
        let address = IpAddr::from([198, 51, 100, attempt]);
        let (password, code) =
            if attempt % 2 == 0 { ("wrong", None) } else { (PASSWORD, Some("000000")) };
        let wrong = staff.sign_in_from(address, password, code, now()).await;
        assert!(matches!(wrong, AdminSignIn::Wrong), "{wrong:?}");
    }
    let code = staff.totp.code(now());
    let locked = staff.sign_in_at(PASSWORD, Some(&code), now()).await;
    assert!(matches!(locked, AdminSignIn::LockedOut { .. }), "{locked:?}");
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_or_old() {
    let staff = Staff::start().await;
    let token = staff.session(now()).await;
    assert!(staff.is_open(&token, after(899)).await);
    assert!(staff.is_open(&token, after(2 * 899)).await, "its use was saved");
    assert!(!staff.is_open(&token, after(2 * 899 + 900)).await);
    let token = staff.session(after(60)).await;
    for minute in (10..720).step_by(10) {
        assert!(staff.is_open(&token, after(60 + minute * 60)).await, "{minute}");
    }
    assert!(!staff.is_open(&token, after(60 + 720 * 60)).await);
}

#[tokio::test]
async fn a_new_password_or_second_factor_ends_sessions() {
    let staff = Staff::start().await;
    let token = staff.session(now()).await;
    let password = Secret::from(OTHER_PASSWORD);
    let set = staff.administrators().set_password(&staff.id, &password, &by_operator()).await;
    set.unwrap();
    assert!(!staff.is_open(&token, now()).await);
    let reset =
        staff.administrators().reset_second_factor(&staff.id, &by_operator()).await.unwrap();
    assert!(reset.second_factor.is_some());
    let old = staff.totp.code(after(60));
    let refused = staff.sign_in_at(OTHER_PASSWORD, Some(&old), after(60)).await;
    assert!(matches!(refused, AdminSignIn::Wrong), "{refused:?}");
}

#[tokio::test]
async fn an_account_without_second_factor_needs_the_setting() {
    let staff = Staff::start().await;
    let theo = new("theo", Role::Technician, false);
    staff.administrators().create(theo, &by_operator()).await.unwrap();
    let sign_in = async |rules| {
        let password = Secret::from(PASSWORD);
        let request = AdminSignInRequest { login: "theo", password, code: None, address: ADDRESS };
        staff.administrators().sign_in(request, rules, now()).await.unwrap()
    };
    let refused = sign_in(RULES).await;
    assert!(matches!(refused, AdminSignIn::NoSecondFactor(_)), "{refused:?}");
    let without = AdminRules { require_mfa: false, ..RULES };
    let AdminSignIn::Accepted { token, .. } = sign_in(without).await else { panic!("refused") };
    let open = async |rules| {
        staff
            .administrators()
            .session(&token.hash(), rules, SessionUse::Attended, now())
            .await
            .unwrap()
            .is_some()
    };
    assert!(open(without).await && !open(RULES).await);
}

#[tokio::test]
async fn the_last_owner_is_not_removed_demoted_or_limited() {
    let staff = Staff::start().await;
    let theo = new("theo", Role::Administrator, true);
    let theo = staff.administrators().create(theo, &by_operator()).await.unwrap();
    let demoted = AdministratorPatch { role: Some(Role::Auditor), ..Default::default() };
    let refused = |error: DirectoryError| assert_eq!(error.code(), "last-owner");
    let change = staff.administrators().change(&staff.id, &demoted, &by_operator()).await;
    refused(change.unwrap_err());
    refused(staff.administrators().delete(&staff.id, &by_operator()).await.unwrap_err());
    let promoted = AdministratorPatch { role: Some(Role::Owner), ..Default::default() };
    staff.administrators().change(theo.id(), &promoted, &by_operator()).await.unwrap();
    staff.administrators().delete(&staff.id, &by_operator()).await.unwrap();
    refused(staff.administrators().delete(theo.id(), &by_operator()).await.unwrap_err());
    staff.fixture.organization("acme").await;
    let limited = Scope::only(["acme".into()]);
    let limited = AdministratorPatch { scope: Some(limited), ..Default::default() };
    let change = staff.administrators().change(theo.id(), &limited, &by_operator()).await;
    refused(change.unwrap_err());
}

#[tokio::test]
async fn an_owner_who_cannot_sign_in_is_no_other_owner() {
    let staff = Staff::start().await;
    let theo = new("theo", Role::Owner, false);
    staff.administrators().create(theo, &by_operator()).await.unwrap();
    let error = staff.administrators().delete(&staff.id, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "last-owner");
}

#[tokio::test]
async fn deleting_an_administrator_ends_the_sessions() {
    let staff = Staff::start().await;
    let theo = new("theo", Role::Owner, true);
    staff.administrators().create(theo, &by_operator()).await.unwrap();
    let token = staff.session(now()).await;
    staff.administrators().delete(&staff.id, &by_operator()).await.unwrap();
    assert!(!staff.is_open(&token, now()).await);
    let gone = staff.sign_in_at(PASSWORD, Some(&staff.totp.code(now())), now()).await;
    assert!(matches!(gone, AdminSignIn::Wrong), "{gone:?}");
}

#[tokio::test]
async fn logins_are_unique_and_passwords_follow_the_rules() {
    let staff = Staff::start().await;
    let create = async |new| staff.administrators().create(new, &by_operator()).await.unwrap_err();
    assert_eq!(create(new(" OLGA ", Role::Auditor, true)).await.code(), "taken");
    let weak =
        NewAdministrator { password: Secret::from("short"), ..new("theo", Role::Auditor, true) };
    assert_eq!(create(weak).await.code(), "invalid");
}

#[tokio::test]
async fn i9_ended_sessions_of_an_administrator_have_entries() {
    let staff = Staff::start().await;
    let (administrators, later) = (staff.administrators(), now() + SignedDuration::from_mins(2));
    let one = staff.session(now()).await;
    let found = administrators
        .session(&one.hash(), RULES, SessionUse::Attended, now())
        .await
        .unwrap()
        .unwrap();
    assert!(administrators.end_session(&found.session, &by_operator()).await.unwrap());
    assert!(!administrators.end_session(&found.session, &by_operator()).await.unwrap());
    staff.session(later).await;
    assert_eq!(administrators.end_sessions(&staff.id, &by_operator()).await.unwrap(), 1);
    assert_eq!(administrators.end_sessions(&staff.id, &by_operator()).await.unwrap(), 0);
    let reader = staff.fixture.directory.records().read();
    let key = portcullis_store::Key::new("kind", "session.ended");
    let entries =
        reader.list(crate::directory::records::kind::AUDIT, Some(&key), None, 9).await.unwrap();
    assert_eq!(entries.len(), 2, "one for each that ended sessions");
    for entry in entries {
        let entry: serde_json::Value = serde_json::from_slice(&entry.doc).unwrap();
        let subject = serde_json::json!({
            "kind": "administrator", "id": staff.id, "name": "olga"
        });
        assert_eq!((&entry["subject"], &entry["after"]["sessions"]), (&subject, &1.into()));
    }
}

#[tokio::test]
async fn i6_strangers_do_not_lock_out_the_usual_network() {
    let staff = Staff::start().await;
    staff.session(now()).await;
    let elsewhere = "198.51.100.66".parse().unwrap();
    for _ in 0..5 {
        let wrong = staff.sign_in_from(elsewhere, OTHER_PASSWORD, None, now()).await;
        assert!(matches!(wrong, AdminSignIn::Wrong), "{wrong:?}");
    }
    let refused = staff.sign_in_from(elsewhere, PASSWORD, None, now()).await;
    assert!(matches!(refused, AdminSignIn::LockedOut { .. }), "{refused:?}");
    staff.session(after(60)).await;
    for _ in 0..5 {
        let wrong = staff.sign_in_at(OTHER_PASSWORD, None, after(60)).await;
        assert!(matches!(wrong, AdminSignIn::Wrong), "{wrong:?}");
    }
    let refused = staff.sign_in_at(PASSWORD, None, after(60)).await;
    assert!(matches!(refused, AdminSignIn::LockedOut { .. }), "{refused:?}");
    let lockouts = staff.fixture.directory.lockouts();
    assert!(lockouts.release(Release::Login("olga"), &by_operator()).await.unwrap());
    assert!(lockouts.list(after(60)).await.unwrap().is_empty());
}
