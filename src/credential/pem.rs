//! Certificates and keys in PEM files, without skipping any.
//!
//! Parsers skip a BEGIN marker that is not at the start of its line: after a byte order mark, or when
//! files without a final newline were joined (`cat leaf.pem chain.pem`). So the markers in the file
//! are counted, and an error is returned unless all of them were read.

use std::io;
use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
const BEGIN: &[u8] = b"-----BEGIN ";
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

/// What else a file may be than one with PEM blocks of `wanted`, and what to do about it.
fn other_form(file: &[u8], wanted: &str) -> Option<String> {
    let has = |text: &[u8]| memchr::memmem::find(file, text).is_some();
    // An encoded SEQUENCE (X.690) of more than 255 bytes. An archive (PKCS #12) begins with version 3.
    if let [0x30, 0x82, _, _, content @ ..] = file {
        return Some(match content {
            [2, 1, 3, ..] => {
                "is a PKCS #12 archive, not a PEM file; convert it with `openssl pkcs12 \
                              -in FILE -nodes -out NEW.pem`"
                    .to_owned()
            }
            _ if wanted == "certificate" => {
                "is in DER form, not PEM; convert it with `openssl x509 \
                                             -inform der -in FILE -out NEW.pem`"
                    .to_owned()
            }
            _ => {
                "is in DER form, not PEM; convert it with `openssl pkey -inform der -in FILE -out \
                  NEW.pem`"
                    .to_owned()
            }
        });
    }
    if wanted == "certificate" {
        if has(b"-----BEGIN CERTIFICATE REQUEST-----") || has(b"-----BEGIN NEW CERTIFICATE REQUEST")
        {
            return Some(
                "is a certificate request; name the certificate that the authority issued for it"
                    .to_owned(),
            );
        }
        if has(PRIVATE_KEY) && !has(CERTIFICATE) {
            return Some(
                "has a private key and no certificate; `certificate` and `key` may be \
                         swapped"
                    .to_owned(),
            );
        }
        return None;
    }
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Some(
            "is encrypted with a passphrase, which cannot be entered at the start; decrypt it with \
             `openssl pkey -in FILE -out NEW.key` and make the new file readable by the gateway only"
                .to_owned(),
        );
    }
    (has(CERTIFICATE) && !has(PRIVATE_KEY)).then(|| {
        "has a certificate and no private key; `certificate` and `key` may be swapped".to_owned()
    })
}

/// The content of a file.
///
/// # Errors
/// Why it cannot be read, and what to do about it, to follow its name.
pub fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::IsADirectory => "is a folder; name the file".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "cannot be read: permission denied; make it readable by the user that runs the gateway"
                .to_owned()
        }
        _ => format!("cannot be read: {error}"),
    })
}

/// All certificates of a file, in order; at least one.
///
/// # Errors
/// What is wrong with the file, to follow its name.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    if let Some(other) = other_form(pem, "certificate") {
        return Err(other);
    }
    let read = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("is not a PEM file: {error}"))?;
    let there = memchr::memmem::find_iter(pem, CERTIFICATE).count();
    all_read("certificate", there, read.len())?;
    Ok(read)
}

/// The only private key of a file.
///
/// # Errors
/// What is wrong with the file, to follow its name.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if let Some(other) = other_form(pem, "private key") {
        return Err(other);
    }
    let there = memchr::memmem::find_iter(pem, BEGIN).filter(|at| {
        let label = pem.get(at + BEGIN.len()..).unwrap_or_default();
        let line = label.split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.trim_ascii_end().ends_with(PRIVATE_KEY)
    });
    let there = there.count();
    let read = PrivateKeyDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("has no private key in PEM format: {error}"))?;
    all_read("private key", there, read.len())?;
    match <[PrivateKeyDer<'static>; 1]>::try_from(read) {
        Ok([key]) => Ok(key),
        Err(several) => Err(format!("has {} private keys; it must have one", several.len())),
    }
}

fn all_read(what: &str, there: usize, read: usize) -> Result<(), String> {
    if there == 0 && read == 0 {
        return Err(format!("has no {what} in PEM format"));
    }
    if there != read {
        return Err(format!(
            "only {read} of the {there} entries `{what}` can be read: each BEGIN and END must be on a \
             line of its own, with nothing before it, such as a byte order mark"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(name: &str) -> (String, String) {
        let generated = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (generated.cert.pem(), generated.signing_key.serialize_pem())
    }

    #[test]
    fn a_chain_is_read_completely_or_refused() {
        let (leaf, chain) = (generate("leaf").0, generate("chain").0);
        let count = |pem: &str| certificates(pem.as_bytes()).map(|read| read.len());
        assert_eq!(count(&format!("{leaf}{chain}")), Ok(2));
        assert_eq!(count(&format!("Subject: leaf\r\n{leaf}\n\n{chain}")), Ok(2));
        let joined = format!("{}{chain}", leaf.trim_end());
        let marked = format!("\u{feff}{leaf}{chain}");
        let indented = format!("{leaf} x{chain}");
        for pem in [joined, marked, indented] {
            let error = count(&pem).unwrap_err();
            assert!(
                error.contains("of the 2 entries `certificate`") || error.contains("PEM"),
                "{error}"
            );
        }
        assert_eq!(count("").unwrap_err(), "has no certificate in PEM format");
    }

    #[test]
    fn a_file_must_have_exactly_one_key() {
        let ((certificate, key), other) = (generate("one"), generate("other").1);
        assert!(private_key(key.as_bytes()).is_ok());
        assert!(private_key(format!("{certificate}{key}").as_bytes()).is_ok());
        let wrong = |pem: String| private_key(pem.as_bytes()).unwrap_err();
        assert!(wrong(format!("{key}{other}")).contains("2 private keys"));
        assert!(wrong(format!("\u{feff}{key}")).contains("byte order mark"));
        assert!(wrong(certificate).starts_with("has a certificate and no private key"));
        assert_eq!(wrong(String::new()), "has no private key in PEM format");
    }
}
