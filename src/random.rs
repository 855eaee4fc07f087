//! The only source of randomness: the operating system.

/// Random bytes, suitable for keys and tokens.
///
/// # Panics
/// When the operating system provides none.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    #[expect(clippy::expect_used, reason = "a token that is not random must never be used")]
    getrandom::fill(&mut out).expect("the operating system provides randomness");
    out
}
