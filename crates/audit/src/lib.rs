//! A tamper-evident log of entries: nothing that somebody outside holds a checkpoint of can be
//! edited, swapped or cut off unnoticed.
//!
//! Pure: no I/O, no clock, no randomness. The caller keeps the entries, and this crate hashes, signs
//! and verifies them.
//!
//! The entries are the leaves of a Merkle tree as in RFC 6962, section 2.1. A [`Checkpoint`] (C2SP
//! *tlog-checkpoint*) is the size and the root of the tree, signed as a C2SP *signed-note* with
//! Ed25519. The tree is append-only: the tree of a later checkpoint begins with the tree of an
//! earlier one, and [`Verification`] shows it by computing both from the same entries.
//!
//! ```
//! use portcullis_audit::{Checkpoint, SigningKey, Tree, Verification, line};
//!
//! let key = SigningKey::new("portal.example/audit", &[7; 32])?;
//! let mut tree = Tree::default();
//! let entries = [r#"{"kind":"sign-in"}"#, r#"{"kind":"sign-out"}"#];
//! entries.iter().for_each(|entry| tree.push(portcullis_audit::Hash::leaf(entry.as_bytes())));
//! let checkpoint = Checkpoint { size: tree.size(), root: tree.root(), time: "2026-01-01T00:00:00Z".parse()? };
//! let note = key.sign(&checkpoint);
//!
//! let mut verification = Verification::new(&key.public(), [note.as_str()])?;
//! for (number, entry) in (0..).zip(entries) {
//!     verification.line(&line::of_entry(number, entry))?;
//! }
//! assert_eq!(verification.finish()?.size, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `hash`, `tree` | hashes of entries and nodes, and the tree |
//! | `key`, `note` | keys as texts, and signed texts |
//! | `checkpoint` | size, root and time as a text |
//! | [`mod@line`] | the lines of an exported log |
//! | `verification` | whether such lines are what the checkpoints were made of |

mod checkpoint;
mod hash;
mod key;
pub mod line;
mod note;
mod tree;
mod verification;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use hash::Hash;
pub use key::{KeyError, PublicKey, SigningKey};
pub use tree::Tree;
pub use verification::{Fault, Verification, Verified};
