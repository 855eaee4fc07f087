//! The certificate that the public URL presents.

use jiff::{SignedDuration, Timestamp};

use super::client::{Answer, Refused, TlsSeen};
use super::finding::Finding;
use crate::credential::certificate::expires;

/// How long a certificate must still be valid.
const MIN_LEFT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The findings for a response; none without TLS.
pub(super) fn findings(answer: &Answer, now: Timestamp) -> Vec<Finding> {
    let Some(TlsSeen { certificate, intermediates, refused }) = &answer.tls else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    match refused {
        None => findings.push(Finding::ok(
            "certificate",
            "the certificate of the public URL is trusted, with its chain",
        )),
        Some(Refused::UnknownIssuer) if *intermediates == 0 => findings.push(
            untrusted("no trusted authority has issued it, and it is sent without a chain").fix(
                "send the whole chain: the certificate, then those of intermediate authorities",
            ),
        ),
        Some(Refused::UnknownIssuer) => findings.push(
            untrusted("its chain leads to no authority that this machine trusts")
                .fix("send the right intermediate certificates, or add a private authority here"),
        ),
        Some(Refused::Other(why)) => {
            findings.push(untrusted(why).fix("renew or replace the certificate"));
        }
    }
    if let Some(expires) = expires(certificate) {
        let left = expires.duration_since(now);
        if left < MIN_LEFT && left > SignedDuration::ZERO {
            findings.push(
                Finding::warning(
                    "certificate-expires",
                    format!(
                        "the certificate of the public URL expires on {}",
                        expires.strftime("%Y-%m-%d %H:%M UTC")
                    ),
                )
                .because("browsers refuse it from then on")
                .fix("renew it, and automate that"),
            );
        }
    }
    findings
}

fn untrusted(why: &str) -> Finding {
    let what = format!("browsers refuse the certificate of the public URL: {why}");
    Finding::error("certificate-untrusted", what)
        .because("people who dismiss the warning cannot tell the portal from an attacker")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(refused: Option<Refused>, intermediates: usize, days: i64) -> Vec<&'static str> {
        let mut params = rcgen::CertificateParams::new(["portal.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2026, 12, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        let end: Timestamp = "2026-12-31T00:00:00Z".parse().unwrap();
        let mut answer = Answer::of_status(200);
        answer.tls = Some(TlsSeen { certificate, intermediates, refused });
        let found = findings(&answer, end - SignedDuration::from_hours(24 * days));
        found.iter().map(|finding| finding.name).collect()
    }

    #[test]
    fn certificate_is_judged_by_chain_and_time() {
        let unknown = || Some(Refused::UnknownIssuer);
        assert_eq!(names(None, 1, 15), ["certificate"]);
        assert_eq!(names(None, 1, 13), ["certificate", "certificate-expires"]);
        assert_eq!(names(unknown(), 0, 15), ["certificate-untrusted"]);
        assert_eq!(names(unknown(), 1, 15), ["certificate-untrusted"]);
        let expired = Some(Refused::Other("expired".to_owned()));
        assert_eq!(names(expired, 1, -1), ["certificate-untrusted"]);
        assert!(findings(&Answer::of_status(200), Timestamp::UNIX_EPOCH).is_empty());
    }
}
