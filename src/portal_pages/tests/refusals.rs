use std::sync::Arc;

use http::header::HeaderValue;
use http::{Method, StatusCode, header};

use crate::authz::Refusal;
use crate::portal_pages::fixture::{Answer, TestSite, policy, read};
use crate::proxy::{Cause, ErrorPages as _, Failure, Onward, Refused};
use crate::web::fetch_metadata::ResponseKind;
use portcullis_policy::{
    BadRequest, BadTarget, Decision, Denial, Policy, Reason, RequestFacts, RequestTarget,
    SessionKind, Subject, built_in, decide,
};

async fn refuse(site: &TestSite, cause: impl Into<Cause<'_>>, wants: ResponseKind) -> Answer {
    refuse_in(site, cause, wants, None).await
}

async fn refuse_in(
    site: &TestSite,
    cause: impl Into<Cause<'_>>,
    wants: ResponseKind,
    languages: Option<&'static str>,
) -> Answer {
    let languages = languages.map(HeaderValue::from_static);
    let languages = languages.as_ref();
    let cause = cause.into();
    let (may_change, request_id, onward) = (false, "request-7", Onward::default());
    let refused = Refused { cause, wants, may_change, languages, request_id, onward };
    read(site.pages.refuse(&refused)).await
}

fn denied<'a>(denial: &'a Denial, policy: &'a Policy, subject: Option<&'a Subject>) -> Refusal<'a> {
    Refusal::Denied { denial, policy, subject }
}

/// The denial of a request by a member of this group.
fn denial(site: &TestSite, policy: &Policy, group: &str, target: &RequestTarget) -> Denial {
    let subject = subject(policy, group);
    let facts = RequestFacts::new("portal.example", &Method::GET, target);
    match decide(policy, Some(&subject), &facts, site.now) {
        Decision::Deny(denial) => denial,
        other => panic!("{other:?}"),
    }
}

fn subject(policy: &Policy, group: &str) -> Subject {
    Subject {
        kind: SessionKind::User,
        organization: Arc::from("acme"),
        user: Some(Arc::from("u1")),
        login: Some(Arc::from("ada")),
        end_user: None,
        group: Arc::from(group),
        granted: policy.catalogue().set(["portal.access"]).unwrap(),
        disabled: false,
        parked: None,
        valid_until: jiff::Timestamp::MAX,
        actor: None,
    }
}

#[tokio::test]
async fn r61_a_denial_names_what_is_missing_and_whom_to_ask() {
    let site = TestSite::new().await;
    let policy = policy();
    for (target, title, advice) in [
        (
            "/invoices/7",
            "You can&#39;t open invoices with this account",
            "Permission needed: <strong>Invoices – View</strong>",
        ),
        (
            "/invoices/7/pay",
            "You can&#39;t open invoices with this account",
            "Permissions needed: <strong>Invoices – View</strong> and \
             <strong>Invoices – Pay</strong>",
        ),
        (
            "/tickets",
            "You can&#39;t open tickets with this account",
            "Permission needed: <strong>Tickets – View All</strong> or \
             <strong>Tickets – View Mine</strong>",
        ),
        ("/closed", "This page isn&#39;t available", "It can&#39;t be opened through the portal."),
        ("/nothing", "Page not found", "contact Example &#60;IT&#62;."),
        ("/organizations/globex", "This belongs to another organization", "contact Example"),
    ] {
        let target = RequestTarget::parse(target).unwrap();
        let denial = denial(&site, &policy, "limited", &target);
        let subject = subject(&policy, "limited");
        let refusal = denied(&denial, &policy, Some(&subject));
        let page = refuse(&site, refusal, ResponseKind::Page).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.text.contains(&format!("<h1>{title}</h1>")), "{target:?}\n{}", page.text);
        assert!(page.text.contains(advice), "{target:?}\n{}", page.text);
        assert!(page.text.contains("href=\"/\"") && page.text.contains("request-7"));

        let problem = refuse(&site, refusal, ResponseKind::Problem).await;
        assert_eq!(problem.status, StatusCode::FORBIDDEN);
        assert_eq!(problem.header(header::CONTENT_TYPE), "application/problem+json");
        let document: serde_json::Value = serde_json::from_str(&problem.text).unwrap();
        let reason = denial.reason().as_str();
        assert_eq!(document["type"], format!("urn:portcullis:problem:{reason}"));
        assert_eq!(document["reason"], reason);
        assert_eq!(document["status"], 403);
        assert_eq!(document["request_id"], "request-7");
        let detail = document["detail"].as_str().unwrap();
        assert_eq!(detail.contains("Example <IT>"), reason != "route-closed", "{document}");
    }
}

#[tokio::test]
async fn r8_no_portal_access_has_its_own_notice() {
    let site = TestSite::new().await;
    let policy = policy();
    let target = RequestTarget::parse("/").unwrap();
    let denial = denial(&site, &policy, built_in::NO_ACCESS, &target);
    let subject = subject(&policy, built_in::NO_ACCESS);
    let refusal = denied(&denial, &policy, Some(&subject));
    let page = refuse(&site, refusal, ResponseKind::Page).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("Your account can&#39;t use the portal"));
    assert!(page.text.contains("class=\"button\" href=\"/.portcullis/sign-out\">Sign out</a>"));
    assert_eq!(page.text.matches("<a ").count(), 1, "{}", page.text);
}

#[tokio::test]
async fn r61_sign_in_is_a_redirect_for_pages_and_401_for_scripts() {
    let site = TestSite::new().await;
    let target = RequestTarget::parse("/invoices/7?a=b&c=%2F").unwrap();
    let refusal = Refusal::SignIn { target: Some(&target), organization: None, tokens: false };
    let page = refuse(&site, refusal, ResponseKind::Page).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(
        page.location(),
        "/.portcullis/sign-in?return_to=%2Finvoices%2F7%3Fa%3Db%26c%3D%252F"
    );
    let problem = refuse(&site, refusal, ResponseKind::Problem).await;
    assert_eq!(problem.status, StatusCode::UNAUTHORIZED);
    assert!(!problem.headers.contains_key(header::LOCATION));
    assert!(problem.text.contains("\"reason\":\"sign-in-required\""), "{}", problem.text);
}

#[tokio::test]
async fn r14_a_link_that_no_longer_suffices_leads_to_sign_in() {
    let site = TestSite::new().await;
    let target = RequestTarget::parse("/").unwrap();
    let refusal =
        Refusal::SignIn { target: Some(&target), organization: Some("acme"), tokens: false };
    let page = refuse(&site, refusal, ResponseKind::Page).await;
    assert!(page.location().contains("&organization=acme&hint="), "{}", page.location());
    let problem = refuse(&site, refusal, ResponseKind::Problem).await;
    assert!(problem.text.contains("\"reason\":\"link-not-enough\""), "{}", problem.text);
}

#[tokio::test]
async fn r60_a_disabled_portal_redirects() {
    let site = TestSite::new().await;
    let refusal = Refusal::PortalDisabled { url: "https://example.com/closed?a=b" };
    for wants in [ResponseKind::Page, ResponseKind::Problem] {
        let answer = refuse(&site, refusal, wants).await;
        assert_eq!(answer.status, StatusCode::FOUND);
        assert_eq!(answer.location(), "https://example.com/closed?a=b");
    }
}

#[tokio::test]
async fn on_deny_redirects_pages_but_not_scripts() {
    let site = TestSite::new().await;
    let refusal = Refusal::Elsewhere { url: "/upgrade", reason: Reason::MissingPermission };
    let page = refuse(&site, refusal, ResponseKind::Page).await;
    assert_eq!((page.status, page.location()), (StatusCode::FOUND, "/upgrade"));
    let problem = refuse(&site, refusal, ResponseKind::Problem).await;
    assert_eq!(problem.status, StatusCode::FORBIDDEN);
    assert!(!problem.headers.contains_key(header::LOCATION));
    // The decision record has the same reason.
    let document: serde_json::Value = serde_json::from_str(&problem.text).unwrap();
    assert_eq!(document["reason"], "missing-permission");
}

#[tokio::test]
async fn each_refusal_has_one_status_for_pages_and_scripts() {
    let site = TestSite::new().await;
    let cases: [(Cause<'_>, u16, bool); 9] = [
        (Refusal::BadRequest(BadTarget::DotSegment.into()).into(), 400, false),
        (Refusal::BadRequest(BadRequest::UnknownHost).into(), 421, false),
        (Refusal::ForeignOrigin.into(), 403, false),
        (Failure::AccessChanged.into(), 403, false),
        (Refusal::StoreUnavailable.into(), 503, true),
        (Failure::PortalDown.into(), 502, true),
        (Failure::PortalBroken.into(), 502, true),
        (Failure::PortalSlow.into(), 504, true),
        (Failure::PortalBusy.into(), 503, true),
    ];
    for (cause, status, retry) in cases {
        for wants in [ResponseKind::Page, ResponseKind::Problem] {
            let answer = refuse(&site, cause, wants).await;
            assert_eq!(answer.status.as_u16(), status, "{cause:?}");
            assert_eq!(answer.headers.contains_key(header::RETRY_AFTER), retry, "{cause:?}");
            assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
            assert!(answer.text.contains("request-7"));
        }
        let problem = refuse(&site, cause, ResponseKind::Problem).await;
        let document: serde_json::Value = serde_json::from_str(&problem.text).unwrap();
        assert_eq!(document["reason"], cause.reason());
    }
}

#[tokio::test]
async fn a_get_never_reports_a_change_that_may_have_been_made() {
    let site = TestSite::new().await;
    for (may_change, detail) in [
        (false, "It didn&#39;t respond in time.</p>"),
        (true, "we don&#39;t know whether your change was saved.</p>"),
    ] {
        let (cause, wants) = (Failure::PortalSlow.into(), ResponseKind::Page);
        let (languages, request_id, onward) = (None, "r", Onward::default());
        let refused = Refused { cause, wants, may_change, languages, request_id, onward };
        let page = read(site.pages.refuse(&refused)).await;
        assert!(page.text.contains(detail), "{}", page.text);
    }
}

#[tokio::test]
async fn r61_a_refusal_is_in_the_readers_language() {
    let site = TestSite::new().await;
    let policy = policy();
    let target = RequestTarget::parse("/tickets").unwrap();
    let denial = denial(&site, &policy, "limited", &target);
    let subject = subject(&policy, "limited");
    let refusal = denied(&denial, &policy, Some(&subject));
    let page = refuse_in(&site, refusal, ResponseKind::Page, Some("de-CH, en;q=0.5")).await;
    assert!(page.text.contains("<html lang=\"de\">"), "{}", page.text);
    assert!(page.text.contains("<h1>„Tickets“ ist mit Ihrem Konto nicht zugänglich</h1>"));
    assert!(page.text.contains("wenden Sie sich an Example &#60;IT&#62;."));
    assert!(page.text.contains(
        "Benötigte Berechtigung: <strong>Tickets – View All</strong> oder \
         <strong>Tickets – View Mine</strong>"
    ));
    assert_eq!(page.header(header::CONTENT_LANGUAGE), "de");
    assert_eq!(page.header(header::VARY), "accept-language");
    let page = refuse_in(&site, refusal, ResponseKind::Page, Some("fr")).await;
    assert_eq!(page.header(header::CONTENT_LANGUAGE), "en");
}

#[tokio::test]
async fn r61_another_account_is_offered_to_portal_users_only() {
    let site = TestSite::new().await;
    let policy = policy();
    let target = RequestTarget::parse("/nothing").unwrap();
    let denial = denial(&site, &policy, "limited", &target);
    let person = subject(&policy, "limited");
    let by_link = Subject {
        kind: SessionKind::Link,
        user: None,
        login: None,
        ..subject(&policy, built_in::NON_PORTAL)
    };
    for (subject, other, account) in
        [(Some(&person), true, true), (Some(&by_link), false, false), (None, false, false)]
    {
        let refusal = denied(&denial, &policy, subject);
        let page = refuse(&site, refusal, ResponseKind::Page).await.text;
        assert_eq!(page.contains("Use another account"), other, "{page}");
        assert_eq!(page.contains(">Sign in</a>"), !other, "{page}");
        assert_eq!(page.contains("href=\"/.portcullis/account\""), account, "{page}");
    }
}

#[tokio::test]
async fn r61_only_missing_permissions_are_named() {
    let site = TestSite::new().await;
    let policy = policy();
    let target = RequestTarget::parse("/invoices/7/pay").unwrap();
    let denial = denial(&site, &policy, "limited", &target);
    let granted = policy.catalogue().set(["portal.access", "invoices.view"]).unwrap();
    let subject = Subject { granted, ..subject(&policy, "limited") };
    let refusal = denied(&denial, &policy, Some(&subject));
    let page = refuse(&site, refusal, ResponseKind::Page).await.text;
    assert!(page.contains("Permission needed: <strong>Invoices – Pay</strong>"), "{page}");
    assert!(page.contains("You can&#39;t open this page with this account"), "{page}");
    assert!(!page.contains("Invoices – View"), "{page}");
}

#[tokio::test]
async fn r61_no_link_leads_to_a_start_page_that_is_denied() {
    let site = TestSite::new().await;
    let policy = policy();
    let target = RequestTarget::parse("/invoices/7").unwrap();
    let denial = denial(&site, &policy, "limited", &target);
    let subject = subject(&policy, "limited");
    let causes: [Cause<'_>; 4] = [
        denied(&denial, &policy, Some(&subject)).into(),
        Refusal::CrossOrigin.into(),
        Refusal::MethodOverride.into(),
        Refusal::BadRequest(BadTarget::DotSegment.into()).into(),
    ];
    for (cause, start_opens) in causes.into_iter().flat_map(|cause| [(cause, true), (cause, false)])
    {
        let (wants, may_change, languages) = (ResponseKind::Page, false, None);
        let onward = Onward { start_opens, sent_from: None };
        let refused = Refused { cause, wants, may_change, languages, request_id: "r", onward };
        let page = read(site.pages.refuse(&refused)).await.text;
        assert_eq!(page.contains("href=\"/\""), start_opens, "{page}");
    }
}

#[tokio::test]
async fn r61_the_verb_of_a_denial_fits_the_method() {
    let site = TestSite::new().await;
    let policy = policy();
    let target = RequestTarget::parse("/invoices/7").unwrap();
    let denial = denial(&site, &policy, "limited", &target);
    let subject = subject(&policy, "limited");
    let cause = denied(&denial, &policy, Some(&subject)).into();
    for (may_change, title) in [
        (false, "<h1>You can&#39;t open invoices with this account</h1>"),
        (true, "<h1>You can&#39;t do this with this account</h1>"),
    ] {
        let (wants, languages, onward) = (ResponseKind::Page, None, Onward::default());
        let refused = Refused { cause, wants, may_change, languages, request_id: "r", onward };
        let page = read(site.pages.refuse(&refused)).await.text;
        assert!(page.contains(title), "{page}");
    }
}

#[tokio::test]
async fn a_page_reloads_itself_unless_it_may_change_something() {
    let site = TestSite::new().await;
    let causes: [(Cause<'_>, &str); 3] = [
        (Failure::PortalDown.into(), "30"),
        (Failure::PortalBusy.into(), "5"),
        (Refusal::StoreUnavailable.into(), "5"),
    ];
    for (cause, seconds) in causes {
        for may_change in [false, true] {
            let (wants, languages, onward) = (ResponseKind::Page, None, Onward::default());
            let refused = Refused { cause, wants, may_change, languages, request_id: "r", onward };
            let page = read(site.pages.refuse(&refused)).await.text;
            let refresh = format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">");
            assert_eq!(page.contains(&refresh), !may_change, "{page}");
            let says = format!("data-left=\"{seconds}\">in {seconds} seconds</time>.");
            assert_eq!(page.contains(&says), !may_change, "{page}");
        }
    }
    // The portal may have received the request, and one that it is too slow for makes it slower.
    for cause in [Failure::PortalBroken, Failure::PortalSlow, Failure::AccessChanged] {
        let page = refuse(&site, cause, ResponseKind::Page).await.text;
        assert!(!page.contains("http-equiv"), "{page}");
    }
}

#[tokio::test]
async fn a_bad_request_has_words_for_what_its_sender_can_do() {
    let site = TestSite::new().await;
    for (bad, title) in [
        (BadTarget::DotSegment.into(), "This address can&#39;t be opened"),
        (BadTarget::TooLong.into(), "This address is too long"),
        (BadRequest::UnknownHost, "There&#39;s no portal at this address"),
        (BadRequest::TwoHosts, "The portal couldn&#39;t read this request"),
        (BadRequest::Body, "What you sent didn&#39;t arrive completely"),
        (BadRequest::SlowBody, "Sending took too long"),
        (BadRequest::BodyTooLarge, "What you sent is too large"),
    ] {
        let page = refuse(&site, Refusal::BadRequest(bad), ResponseKind::Page).await.text;
        assert!(page.contains(&format!("<h1>{title}</h1>")), "{page}");
        let elsewhere = "class=\"button\" href=\"http://portal.example:8080\"";
        assert_eq!(page.contains(elsewhere), bad == BadRequest::UnknownHost, "{page}");
    }
}

#[tokio::test]
async fn r3_a_link_is_told_only_of_permissions_it_can_have() {
    let site = TestSite::new().await;
    let policy = policy();
    let subject = Subject {
        kind: SessionKind::Link,
        user: None,
        login: None,
        ..subject(&policy, built_in::NON_PORTAL)
    };
    for (target, advice) in [
        // All but "mine", which needs a person.
        ("/tickets", "Permission needed: <strong>Tickets – View All</strong>"),
        ("/tickets/mine", "Sign in if you have a login, or contact Example &#60;IT&#62;."),
        ("/tickets/pay", "Sign in if you have a login, or contact Example &#60;IT&#62;."),
    ] {
        let target = RequestTarget::parse(target).unwrap();
        let denial = denial(&site, &policy, "limited", &target);
        let refusal = denied(&denial, &policy, Some(&subject));
        let page = refuse(&site, refusal, ResponseKind::Page).await.text;
        assert!(page.contains(advice), "{page}");
        assert!(!page.contains("View Mine"), "{page}");
    }
}

#[tokio::test]
async fn r61_a_denied_link_session_is_not_told_of_an_account() {
    let site = TestSite::new().await;
    let policy = policy();
    let target = RequestTarget::parse("/invoices/7").unwrap();
    let denial = denial(&site, &policy, "limited", &target);
    let subject = Subject {
        kind: SessionKind::Link,
        user: None,
        login: None,
        ..subject(&policy, built_in::NON_PORTAL)
    };
    let refusal = denied(&denial, &policy, Some(&subject));
    let page = refuse(&site, refusal, ResponseKind::Page).await;
    assert!(page.text.contains("You can&#39;t open invoices with the secure link"));
    assert!(page.text.contains("Sign in if you have a login, or contact Example &#60;IT&#62;."));
    assert!(page.text.contains("Permission needed: <strong>Invoices – View</strong>"));
    assert!(!page.text.contains("account"), "{}", page.text);
}
