//! A checkpoint: the size and the root of the log at some time, as a signed text (C2SP
//! *tlog-checkpoint*).
//!
//! ```text
//! portal.example/audit
//! 1532
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! time 2026-01-01T00:00:00Z
//!
//! — portal.example/audit Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use jiff::Timestamp;

use crate::{Hash, PublicKey, SigningKey, note};

/// What the line with the time begins with: an extension line of this format.
const TIME: &str = "time ";

/// The log at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of entries.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// When the checkpoint was made.
    pub time: Timestamp,
}

/// Why a text is not a checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The key has not signed it, or it was changed afterwards.
    #[error("the checkpoint has no valid signature of the key `{0}`")]
    Signature(String),
    /// It was signed, and is not a checkpoint.
    #[error("the signed text is not a checkpoint of the log `{0}`")]
    Form(String),
}

impl Checkpoint {
    /// Reads a signed checkpoint.
    ///
    /// # Errors
    /// When the key has not signed it, or the signed text is something else.
    pub fn open(key: &PublicKey, text: &str) -> Result<Self, CheckpointError> {
        let signed = note::open(key, text)
            .ok_or_else(|| CheckpointError::Signature(key.name().to_owned()))?;
        Self::read(key.name(), signed).ok_or_else(|| CheckpointError::Form(key.name().to_owned()))
    }

    fn read(origin: &str, text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next() == Some(origin)).then_some(())?;
        let size = lines.next()?;
        let number: u64 = size.parse().ok()?;
        // One spelling for each number.
        (number.to_string() == size).then_some(())?;
        let root = Hash::parse(lines.next()?)?;
        let time = lines.next()?.strip_prefix(TIME)?.parse().ok()?;
        Some(Self { size: number, root, time })
    }
}

impl SigningKey {
    /// Signs a checkpoint of the log that has the key's name.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let Checkpoint { size, root, time } = checkpoint;
        let origin = self.public();
        note::sign(self, &format!("{}\n{size}\n{root}\n{TIME}{time}\n", origin.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        Checkpoint { size: 3, root: Hash::leaf(b"x"), time }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_signed() {
        let key = SigningKey::new("portal.example/audit", &[7; 32]).unwrap();
        let text = key.sign(&checkpoint());
        let lines: Vec<_> = text.lines().take(4).collect();
        let root = Hash::leaf(b"x").to_string();
        assert_eq!(lines, ["portal.example/audit", "3", &root, "time 2026-01-01T00:00:00Z"]);
        assert_eq!(Checkpoint::open(&key.public(), &text), Ok(checkpoint()));
    }

    #[test]
    fn a_changed_or_foreign_checkpoint_is_refused() {
        let key = SigningKey::new("portal.example/audit", &[7; 32]).unwrap();
        let text = key.sign(&checkpoint());
        let name = "portal.example/audit".to_owned();
        let signature = Err(CheckpointError::Signature(name.clone()));
        for changed in [text.replace("\n3\n", "\n2\n"), text.replace("00:00:00Z", "00:00:01Z")] {
            assert_eq!(Checkpoint::open(&key.public(), &changed), signature);
        }
        let other = SigningKey::new("portal.example/audit", &[8; 32]).unwrap();
        assert_eq!(Checkpoint::open(&key.public(), &other.sign(&checkpoint())), signature);
        let form = Err(CheckpointError::Form(name));
        for signed in ["portal.example/audit\n03\n", "another.example/audit\n3\n", "\n"] {
            assert_eq!(Checkpoint::open(&key.public(), &note::sign(&key, signed)), form);
        }
    }
}
