//! Signed texts (C2SP *signed-note*).

use data_encoding::BASE64;

use crate::{PublicKey, SigningKey};

/// What a line with a signature begins with.
const DASH: &str = "— ";

/// Signs a text, which ends with a line feed.
pub(crate) fn sign(key: &SigningKey, text: &str) -> String {
    let public = key.public();
    let mut signature = public.id().to_vec();
    signature.extend(key.signature(text.as_bytes()));
    format!("{text}\n{DASH}{} {}\n", public.name(), BASE64.encode(&signature))
}

/// The text of a note. `None` unless this key has signed it; other signatures are ignored.
pub(crate) fn open<'a>(key: &PublicKey, note: &'a str) -> Option<&'a str> {
    let (text, signatures) = note.rsplit_once("\n\n")?;
    let text = note.get(..=text.len())?;
    signatures.lines().any(|line| signs(key, line, text)).then_some(text)
}

fn signs(key: &PublicKey, line: &str, text: &str) -> bool {
    let Some((name, signature)) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' '))
    else {
        return false;
    };
    let Ok(bytes) = BASE64.decode(signature.as_bytes()) else { return false };
    let Some((id, signature)) = bytes.split_first_chunk::<4>() else { return false };
    name == key.name() && *id == key.id() && key.verifies(text.as_bytes(), signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of Go's `golang.org/x/mod/sumdb/note`.
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_note_of_another_program_is_opened() {
        let peter = PublicKey::parse(PETER).unwrap();
        let text = open(&peter, NOTE).unwrap();
        assert!(text.starts_with("If you") && text.ends_with("problem is.\n"), "{text}");
        assert_eq!(open(&peter, &NOTE.replace("think", "thank")), None);
        let other = SigningKey::new("PeterNeumann", &[1; 32]).unwrap().public();
        assert_eq!(open(&other, NOTE), None);
    }

    #[test]
    fn a_note_has_the_bytes_that_its_seed_gives() {
        // The seed of Go's example, `PRIVATE+KEY+PeterNeumann+c74f20a3+…`.
        let seed = BASE64.decode(b"AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
        let key = SigningKey::new("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
        let (text, _) = NOTE.split_once("\n\n").unwrap();
        assert_eq!(sign(&key, &format!("{text}\n")), NOTE);
    }

    #[test]
    fn signatures_of_others_do_not_matter() {
        let peter = PublicKey::parse(PETER).unwrap();
        let witnessed = format!("{NOTE}— Witness AAAAAAAAAAAAAAAA\n");
        assert!(open(&peter, &witnessed).is_some());
        assert_eq!(open(&peter, NOTE.rsplit_once('—').unwrap().0), None);
        assert_eq!(open(&peter, ""), None);
    }
}
