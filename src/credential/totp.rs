//! Time-based codes (RFC 6238): SHA-1, 6 digits, 30 seconds and a secret of 160 bits, which every
//! authenticator app supports.
//!
//! A code belongs to a *step*: the number of the 30 seconds it is for. It is accepted during its own
//! step and the one before and after, because clocks differ; and only if its step is later than
//! those accepted before, so that a code that someone has watched being entered cannot be used again
//! ([`UsedSteps`]). The caller stores the used steps, and makes sure that of two concurrent uses only
//! one succeeds.

use std::fmt::Write as _;

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use totp_rs::{Builder, Totp};

use super::secret::Secret;
use super::typed;

/// Bytes of a secret: 160 bits, as RFC 4226 recommends.
const SECRET: usize = 20;
/// The length of a step in seconds.
const STEP: u64 = 30;
/// The longest label in characters, so that the URL fits into a QR code.
const LABEL: usize = 60;

/// Used steps that are remembered individually.
const REMEMBERED: usize = 16;

/// The steps whose codes were accepted.
///
/// No step is accepted twice, whatever the clock does. If the clock ran ahead and was set back, there
/// are used steps in the future; they do not block current ones, because each is remembered
/// individually. Beyond the last [`REMEMBERED`], only a bound is kept, which blocks all steps up to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedSteps {
    /// No step up to this one is accepted.
    #[serde(rename = "last", default, skip_serializing_if = "Option::is_none")]
    bound: Option<u64>,
    /// The last ones that were accepted, the latest at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    recent: Vec<u64>,
}

impl UsedSteps {
    /// Adds a step that was accepted.
    pub fn add(&mut self, step: u64) {
        self.recent.push(step);
        if self.recent.len() > REMEMBERED {
            self.bound = self.bound.max(Some(self.recent.remove(0)));
        }
    }

    /// Whether a code of this step may be accepted when the clock is at `current`: it must be later
    /// than all used steps, except for those in the future, from which it must differ.
    fn allows(&self, step: u64, current: u64) -> bool {
        let after = |used: &u64| match *used <= current.saturating_add(1) {
            true => step > *used,
            false => step != *used,
        };
        self.bound.is_none_or(|bound| step > bound) && self.recent.iter().all(after)
    }
}

/// The secret shared with a user's authenticator app.
#[derive(Debug, Clone)]
pub struct TotpSecret(Secret<Vec<u8>>);

impl TotpSecret {
    /// A new secret.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(crate::random::bytes::<SECRET>().to_vec()))
    }

    /// A stored secret; `None` if it has the wrong length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == SECRET).then(|| Self(Secret::new(bytes.to_vec())))
    }

    /// The secret itself, to be sealed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The secret as a person types it into an app: base32, in groups of four.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let text = Secret::new(BASE32_NOPAD.encode(self.expose()));
        let mut grouped = String::with_capacity(text.expose().len() * 5 / 4);
        for (place, c) in text.expose().chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(c);
        }
        Secret::new(grouped)
    }

    /// The `otpauth` URL from which an app reads the secret, for a QR code.
    #[must_use]
    pub fn url(&self, issuer: &str, account: &str) -> Secret<String> {
        let totp =
            self.builder().with_issuer(Some(label(issuer))).with_account_name(label(account));
        // The labels are valid; without a URL the secret can still be typed.
        Secret::new(totp.build_noncompliant().to_url().unwrap_or_default())
    }

    /// The step of this code, if it is accepted at `now` and `used` allows it. Takes the same time
    /// whichever step matches. The code may be typed in any digits, with spaces and hyphens.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Timestamp, used: &UsedSteps) -> Option<u64> {
        let code = typed::plain(code);
        let current = u64::try_from(now.as_second()).ok()? / STEP;
        let totp = self.builder().build_noncompliant();
        let (mut found, mut step_found) = (Choice::from(0), 0);
        // If two steps have the same code, the later counts, so that it is not accepted again.
        for step in current.saturating_sub(1)..=current.saturating_add(1) {
            let expected = code_of(&totp, step);
            let allowed = used.allows(step, current);
            let matches = expected.expose().as_bytes().ct_eq(code.expose().as_bytes())
                & Choice::from(u8::from(allowed));
            step_found = u64::conditional_select(&step_found, &step, matches);
            found |= matches;
        }
        bool::from(found).then_some(step_found)
    }

    /// The code at `now`.
    #[cfg(test)]
    pub(crate) fn code(&self, now: Timestamp) -> String {
        let step = u64::try_from(now.as_second()).unwrap_or(0) / STEP;
        code_of(&self.builder().build_noncompliant(), step).expose().clone()
    }

    /// The builder's defaults are SHA-1, 6 digits and 30 seconds.
    fn builder(&self) -> Builder {
        Builder::new().with_secret(self.expose()).with_step_duration(STEP)
    }
}

fn code_of(totp: &Totp, step: u64) -> Secret<String> {
    let mut code = String::with_capacity(8);
    // Writing to a `String` does not fail.
    let _ = write!(code, "{}", totp.generate(step.saturating_mul(STEP)));
    Secret::new(code)
}

/// A name for the URL, in which the colon is a separator.
fn label(name: &str) -> String {
    name.chars().filter(|c| *c != ':').take(LABEL).collect()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{REMEMBERED, TotpSecret, UsedSteps};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    /// The secret of RFC 6238, appendix B. With a random one, two neighbouring steps would have the
    /// same code once in a million runs.
    fn of_the_rfc() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn none() -> UsedSteps {
        UsedSteps::default()
    }

    fn at(seconds: i64) -> Timestamp {
        NOW + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn r51_codes_are_those_of_rfc_6238() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_second(second).unwrap();
            let step = u64::try_from(second).unwrap() / 30;
            assert_eq!(of_the_rfc().step_of(code, now, &none()), Some(step), "{second}");
            assert_eq!(of_the_rfc().code(now), code);
        }
    }

    #[test]
    fn r51_a_drift_of_one_step_is_accepted_and_two_are_not() {
        let secret = of_the_rfc();
        let step = 60_000_000;
        for (drift, taken) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            // At both ends of the step.
            for second in [0, 29] {
                let found = secret.step_of(&secret.code(at(drift)), at(second), &none());
                let expected = taken.then(|| step + u64::try_from(drift + 30).unwrap() / 30 - 1);
                assert_eq!(found, expected, "{drift} {second}");
            }
        }
    }

    #[test]
    fn r51_a_step_is_accepted_once_whatever_the_clock_does() {
        let secret = of_the_rfc();
        let mut taken = Vec::new();
        let mut used = none();
        // Forward, back, forward again, and back by an hour.
        for minute in [0, 1, -1, 0, 2, 1, -60, 3, 2, 3, 4] {
            for drift in [-30, 0, 30] {
                let now = at(minute * 60);
                let code = secret.code(now + SignedDuration::from_secs(drift));
                if let Some(step) = secret.step_of(&code, now, &used) {
                    assert!(!taken.contains(&step), "{step} was accepted before");
                    taken.push(step);
                    used.add(step);
                }
            }
        }
        assert!(taken.len() > 8, "{taken:?}");
    }

    #[test]
    fn r51_only_a_step_after_the_last_one_is_accepted() {
        let secret = of_the_rfc();
        let step = 60_000_000;
        for (last, taken) in [(step - 1, true), (step, false), (step + 1, false), (step + 2, true)]
        {
            let mut used = none();
            used.add(last);
            assert_eq!(secret.step_of(&secret.code(NOW), NOW, &used), taken.then_some(step));
        }
    }

    #[test]
    fn r51_a_malformed_code_is_refused() {
        let secret = of_the_rfc();
        let code = secret.code(NOW);
        let spaced = format!(" {} {}\n", &code[..3], &code[3..]);
        assert!(secret.step_of(&spaced, NOW, &none()).is_some(), "as apps show it");
        for text in [
            "",
            " ",
            "000000000",
            &code[1..],
            &format!("{code}0"),
            &format!("+{}", &code[1..]),
            &format!("{}_{}", &code[..3], &code[3..]),
            &format!("{}.{}", &code[..3], &code[3..]),
            "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
        ] {
            assert_eq!(secret.step_of(text, NOW, &none()), None, "{text:?}");
        }
        let other = TotpSecret::generate();
        assert_eq!(other.step_of(&code, Timestamp::MIN, &none()), None, "before all steps");
        assert_eq!(other.step_of(&code, Timestamp::MAX, &none()), None);
    }

    #[test]
    fn r51_a_clock_that_ran_ahead_does_not_block_codes() {
        let secret = of_the_rfc();
        let day = 24 * 3600;
        let mut used = none();
        let ahead = secret.step_of(&secret.code(at(day)), at(day), &used).unwrap();
        used.add(ahead);
        // The clock is set back: current codes are accepted, each once.
        let step = secret.step_of(&secret.code(NOW), NOW, &used).unwrap();
        used.add(step);
        assert_eq!(secret.step_of(&secret.code(NOW), NOW, &used), None);
        // A day later, the step that was used ahead of time is still used.
        assert_eq!(secret.step_of(&secret.code(at(day)), at(day), &used), None);
        let next = secret.step_of(&secret.code(at(day + 30)), at(day + 30), &used);
        assert_eq!(next, Some(ahead + 1));
    }

    #[test]
    fn r51_forgotten_steps_become_a_bound() {
        let secret = of_the_rfc();
        let day = 24 * 3600;
        let mut used = none();
        for n in 0..i64::try_from(REMEMBERED).unwrap() + 1 {
            let now = at(day + 30 * n);
            used.add(secret.step_of(&secret.code(now), now, &used).unwrap());
        }
        assert_eq!(secret.step_of(&secret.code(NOW), NOW, &used), None, "it fails closed");
        assert_eq!(secret.step_of(&secret.code(at(day)), at(day), &used), None);
    }

    #[test]
    fn r51_the_last_step_of_an_older_version_still_counts() {
        let mut used: UsedSteps = serde_json::from_str("{\"last\":60000000}").unwrap();
        let secret = of_the_rfc();
        assert_eq!(secret.step_of(&secret.code(NOW), NOW, &used), None);
        assert!(secret.step_of(&secret.code(at(30)), at(30), &used).is_some());
        used.add(60_000_001);
        let kept = serde_json::to_string(&used).unwrap();
        assert_eq!(kept, "{\"last\":60000000,\"recent\":[60000001]}");
        assert_eq!(serde_json::from_str::<UsedSteps>(&kept).unwrap(), used);
    }

    #[test]
    fn r51_a_code_may_be_typed_in_any_digits_and_grouping() {
        let (secret, code) = (of_the_rfc(), of_the_rfc().code(NOW));
        let in_digits = |zero: u32| -> String {
            let digit = |c: char| char::from_u32(zero + c.to_digit(10).unwrap()).unwrap();
            code.chars().map(digit).collect()
        };
        let (front, back) = code.split_at(3);
        for typed in [
            in_digits(0xff10),
            in_digits(0x0660),
            in_digits(0x06f0),
            in_digits(0x0966),
            format!("{front}-{back}"),
            format!("{front}\u{2011}{back}"),
            format!("{front}\u{2013}{back}"),
            format!("{front}\u{a0}{back}"),
            format!("{front}\u{200b}{back}"),
            format!("\u{feff}\u{2068}{code}\u{2069}"),
        ] {
            assert!(secret.step_of(&typed, NOW, &none()).is_some(), "{typed:?}");
        }
    }

    #[test]
    fn the_url_names_issuer_and_account() {
        let url = of_the_rfc().url("Example: IT & Co", "ada@example.com");
        assert_eq!(
            url.expose(),
            "otpauth://totp/Example%20IT%20%26%20Co:ada%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20IT%20%26%20Co"
        );
        let long = "ü".repeat(500);
        assert!(of_the_rfc().url(&long, &long).expose().len() < 1400, "it fits a QR code");
    }

    #[test]
    fn a_secret_is_shown_in_groups_and_not_printed() {
        let text = of_the_rfc().text();
        assert_eq!(text.expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(format!("{:?}", of_the_rfc()), "TotpSecret(Secret(..))");
        assert_ne!(TotpSecret::generate().expose(), TotpSecret::generate().expose());
        assert!(TotpSecret::from_bytes(b"short").is_none());
    }
}
