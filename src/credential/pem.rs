//! Certificates and keys in PEM files, of which none is passed over.
//!
//! A BEGIN line that does not begin its line is not seen by parsers: after a byte order mark, or
//! after the end of another file that has no last line end (`cat leaf.pem chain.pem`). So what is
//! in the file is counted, and must all have been read.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
const BEGIN: &[u8] = b"-----BEGIN ";
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

/// All certificates of a file, in their order; at least one.
///
/// # Errors
/// What is wrong with the file.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("is not PEM: {error}"))?;
    let there = memchr::memmem::find_iter(pem, CERTIFICATE).count();
    all_read("certificate", there, read.len())?;
    Ok(read)
}

/// The private key of a file, which has only one.
///
/// # Errors
/// What is wrong with the file.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let there = memchr::memmem::find_iter(pem, BEGIN).filter(|at| {
        let label = pem.get(at + BEGIN.len()..).unwrap_or_default();
        let line = label.split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.trim_ascii_end().ends_with(PRIVATE_KEY)
    });
    let there = there.count();
    let read = PrivateKeyDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("holds no private key in PEM: {error}"))?;
    all_read("private key", there, read.len())?;
    match <[PrivateKeyDer<'static>; 1]>::try_from(read) {
        Ok([key]) => Ok(key),
        Err(several) => Err(format!("holds {} private keys; it must hold one", several.len())),
    }
}

fn all_read(what: &str, there: usize, read: usize) -> Result<(), String> {
    if there == 0 && read == 0 {
        return Err(format!("holds no {what} in PEM"));
    }
    if there != read {
        return Err(format!(
            "holds {there} times a {what}, of which {read} can be read: each BEGIN and END must \
             be on a line of its own, with nothing before it, such as a byte order mark"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_chain_is_read_whole_or_not_at_all() {
        let (leaf, chain) = (made("leaf").0, made("chain").0);
        let count = |pem: &str| certificates(pem.as_bytes()).map(|read| read.len());
        assert_eq!(count(&format!("{leaf}{chain}")), Ok(2));
        assert_eq!(count(&format!("Subject: leaf\r\n{leaf}\n\n{chain}")), Ok(2));
        let joined = format!("{}{chain}", leaf.trim_end());
        let marked = format!("\u{feff}{leaf}{chain}");
        let indented = format!("{leaf} x{chain}");
        for pem in [joined, marked, indented] {
            let error = count(&pem).unwrap_err();
            assert!(
                error.contains("holds 2 times a certificate") || error.contains("PEM"),
                "{error}"
            );
        }
        assert_eq!(count("").unwrap_err(), "holds no certificate in PEM");
    }

    #[test]
    fn a_file_has_one_key_that_can_be_read() {
        let ((certificate, key), other) = (made("one"), made("other").1);
        assert!(private_key(key.as_bytes()).is_ok());
        assert!(private_key(format!("{certificate}{key}").as_bytes()).is_ok());
        let wrong = |pem: String| private_key(pem.as_bytes()).unwrap_err();
        assert!(wrong(format!("{key}{other}")).contains("2 private keys"));
        assert!(wrong(format!("\u{feff}{key}")).contains("byte order mark"));
        assert_eq!(wrong(certificate), "holds no private key in PEM");
    }
}
