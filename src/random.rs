//! The one place that draws randomness, from the operating system.

/// Fills an array with random bytes.
///
/// # Panics
/// When the operating system has no randomness to give: nothing that follows could be trusted.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    #[expect(clippy::expect_used, reason = "a token from a failed generator must never be used")]
    getrandom::fill(&mut out).expect("the operating system gives randomness");
    out
}
