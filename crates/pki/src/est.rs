//! Enrolment over Secure Transport (EST, RFC 7030 with RFC 8951): the form of its answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The type of an answer that carries certificates (RFC 7030 §4.1.3, §4.2.3).
pub const CERTIFICATES_TYPE: &str = "application/pkcs7-mime; smime-type=certs-only";
/// The type of a request for a certificate (RFC 7030 §4.2.1).
pub const REQUEST_TYPE: &str = "application/pkcs10";

/// `id-signedData` and `id-data` (RFC 5652 §4, §5.1).
const SIGNED_DATA: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

/// One value in DER: tag, length, content (X.690 §8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().skip_while(|byte| **byte == 0).copied();
    let head: Vec<u8> = if length < 0x80 {
        vec![tag, length as u8]
    } else {
        let digits: Vec<u8> = significant.collect();
        [vec![tag, 0x80 | digits.len() as u8], digits].concat()
    };
    [head, content.to_vec()].concat()
}

/// Certificates in base 64 of a `SignedData` that signs nothing (RFC 5652 §5.2, RFC 8951 §3.2): what an EST client reads.
pub fn certificates<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> String {
    let all: Vec<u8> = certificates.into_iter().flatten().copied().collect();
    let version = der(0x02, &[1]);
    let signed_data = [version, der(0x31, &[]), der(0x30, &DATA), der(0xa0, &all), der(0x31, &[])].concat();
    let content = der(0xa0, &der(0x30, &signed_data));
    let message = der(0x30, &[SIGNED_DATA.to_vec(), content].concat());
    let base64 = STANDARD.encode(message);
    let lines = base64.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The certificates of an answer, in their order.
///
/// # Errors
/// A text that is no such answer.
pub fn read_certificates(body: &str) -> Result<Vec<Vec<u8>>, NoCertificates> {
    let base64: String = body.split_whitespace().collect();
    let message = STANDARD.decode(base64).map_err(|_| NoCertificates)?;
    let find = |bytes: &[u8], path: &[(u8, usize)]| -> Option<Vec<u8>> {
        let mut inner = bytes.to_vec();
        for (tag, at) in path {
            let values = split(&inner)?;
            inner = values.into_iter().filter(|(found, _)| found == tag).nth(*at)?.1;
        }
        Some(inner)
    };
    // ContentInfo → content → SignedData → certificates.
    let set = find(&message, &[(0x30, 0), (0xa0, 0), (0x30, 0), (0xa0, 0)]).ok_or(NoCertificates)?;
    let certificates = split(&set).ok_or(NoCertificates)?;
    Ok(certificates.into_iter().map(|(tag, content)| der(tag, &content)).collect())
}

/// A body that holds no certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer holds no certificates")]
pub struct NoCertificates;

/// The values that stand one after another, each with its tag.
fn split(mut bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut values = Vec::new();
    while let [tag, first, rest @ ..] = bytes {
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let digits = usize::from(first & 0x7f);
            if !(1..=4).contains(&digits) {
                return None;
            }
            let (length, rest) = rest.split_at_checked(digits)?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        values.push((*tag, content.to_vec()));
        bytes = rest;
    }
    bytes.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_come_back_as_they_were() {
        let (short, long) = (der(0x30, b"one"), der(0x30, &[7; 70_000]));
        for all in [vec![], vec![short.clone()], vec![short, long]] {
            let body = certificates(all.iter().map(Vec::as_slice));
            assert!(body.lines().all(|line| line.len() <= 76));
            assert_eq!(read_certificates(&body), Ok(all));
        }
    }

    #[test]
    fn whatever_else_is_refused() {
        let body = certificates([der(0x30, b"one").as_slice()]);
        let bytes = STANDARD.decode(body.replace('\n', "")).unwrap();
        for length in 0..bytes.len() {
            assert_eq!(read_certificates(&STANDARD.encode(&bytes[..length])), Err(NoCertificates), "{length}");
        }
        for bad in ["", "<html>", "MAA=", "MIA="] {
            assert_eq!(read_certificates(bad), Err(NoCertificates), "{bad}");
        }
    }
}
