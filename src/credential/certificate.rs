//! When a certificate expires (RFC 5280, section 4.1.2.5), read from its encoding (DER, X.690), and
//! how its names are shown. Nothing is checked here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The tag of an explicit version, which certificates of version 1 lack.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Serial number, signature algorithm and issuer.
const FIELDS_BEFORE_VALIDITY: usize = 3;

/// The end of a certificate's validity. `None` if it cannot be read.
#[must_use]
pub fn expires(der: &[u8]) -> Option<Timestamp> {
    let certificate = Element::read(der)?;
    let mut fields = Element::read(certificate.content)?.content;
    let first = Element::read(fields)?;
    if first.tag == VERSION {
        fields = first.rest;
    }
    for _ in 0..FIELDS_BEFORE_VALIDITY {
        fields = Element::read(fields)?.rest;
    }
    let validity = Element::read(fields)?;
    let not_before = Element::read(validity.content)?;
    Element::read(not_before.rest)?.time()
}

/// A name as rustls shows it, `DnsName("portal.example")`, without its kind and in
/// backquotes.
#[must_use]
pub fn shown_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    format!("`{}`", inner.unwrap_or(name).trim_matches('"'))
}

/// One value, and what follows it.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, bytes) = bytes.split_first()?;
        let (&first, bytes) = bytes.split_first()?;
        let (length, bytes) = match first {
            0..=0x7f => (usize::from(first), bytes),
            // The number of bytes that have the length.
            0x81..=0x84 => {
                let (length, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
                (length.iter().fold(0, |all, byte| (all << 8) | usize::from(*byte)), bytes)
            }
            _ => return None,
        };
        let (content, rest) = bytes.split_at_checked(length)?;
        Some(Self { tag, content, rest })
    }

    fn time(&self) -> Option<Timestamp> {
        let text = str::from_utf8(self.content).ok()?;
        let text = match self.tag {
            // Years from 1950 to 2049.
            UTC_TIME if text < "50" => format!("20{text}"),
            UTC_TIME => format!("19{text}"),
            GENERALIZED_TIME => text.to_owned(),
            _ => return None,
        };
        let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
        Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::expires;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["portal.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_the_validity_is_read_in_both_forms() {
        for (year, expected) in [(2027, "2027-03-04T00:00:00Z"), (2061, "2061-03-04T00:00:00Z")] {
            assert_eq!(expires(&certificate(year)).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn no_part_of_a_certificate_is_taken_for_one() {
        let whole = certificate(2027);
        for end in 0..whole.len() {
            assert_eq!(expires(&whole[..end]), None, "{end}");
        }
    }
}
