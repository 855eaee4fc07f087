use crate::directory::access::administrators::AdministratorPatch;
use crate::directory::accounts::groups::{Grant, NewGroup};
use crate::directory::fixture::{Fixture, PASSWORD, by_operator, now};
use crate::directory::records::{Change, Rights, Role};
use crate::directory::{AdministratorId, ApiTokenId, Directory, DirectoryError};

/// What happens to the actor between the checks of an operation and its commit.
#[derive(Debug, Clone, Copy)]
enum Event {
    Nothing,
    Revoked,
    Deleted,
    Demoted,
    NewPassword,
    SessionsEnded,
    Renamed,
}

async fn happen(directory: &Directory, event: Event) {
    let (of, operator) = (AdministratorId::from("olga"), by_operator());
    let administrators = directory.administrators();
    let patch = |patch: AdministratorPatch| async move {
        directory.administrators().change(&"olga".into(), &patch, &by_operator()).await.unwrap();
    };
    match event {
        Event::Nothing => {}
        Event::Revoked => {
            directory.api_tokens().revoke(&ApiTokenId::from("CI"), &operator).await.unwrap();
        }
        Event::Deleted => administrators.delete(&of, &operator).await.unwrap(),
        Event::Demoted => {
            patch(AdministratorPatch { role: Some(Role::Auditor), ..Default::default() }).await;
        }
        Event::NewPassword => {
            administrators.set_password(&of, &PASSWORD.into(), &operator).await.unwrap();
        }
        Event::SessionsEnded => {
            administrators.end_sessions(&of, &operator).await.unwrap();
        }
        Event::Renamed => {
            let email = Some(Some("olga@example.com".to_owned()));
            patch(AdministratorPatch { email, ..Default::default() }).await;
        }
    }
}

/// The code of a write whose actor `event` happens to before the commit; with `late`, after the
/// write has been checked.
async fn write(is_token: bool, event: Event, late: bool) -> &'static str {
    let fixture = Fixture::new().await;
    fixture.administrator("owner", &Rights::ALL).await;
    let actor = match is_token {
        true => fixture.token("CI", &Rights::ALL).await,
        false => fixture.administrator("olga", &Rights::ALL).await,
    };
    let directory = if late {
        let other = fixture.directory.clone();
        fixture.with_interruption(async move { happen(&other, event).await }).await
    } else {
        happen(&fixture.directory, event).await;
        fixture.directory.clone()
    };
    let new = NewGroup { id: None, name: "Late".to_owned(), permissions: Grant::All };
    let written = directory.groups().create(new, &Change::new(actor, now())).await;
    written.map_or_else(|error: DirectoryError| error.code(), |_| "written")
}

#[tokio::test]
async fn i10_an_actor_that_has_ended_or_lost_a_right_writes_nothing() {
    for (is_token, event, expected) in [
        (true, Event::Nothing, "written"),
        (true, Event::Revoked, "token-unknown"),
        (false, Event::Nothing, "written"),
        (false, Event::Renamed, "written"),
        (false, Event::Deleted, "session-ended"),
        (false, Event::Demoted, "escalation"),
        (false, Event::NewPassword, "session-ended"),
        (false, Event::SessionsEnded, "session-ended"),
    ] {
        for late in [false, true] {
            let code = write(is_token, event, late).await;
            assert_eq!(code, expected, "{event:?}, late: {late}");
        }
    }
}
