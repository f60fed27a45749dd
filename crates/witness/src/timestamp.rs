//! Timestamps of an authority (RFC 3161): the request over a digest, and what is checked of the reply when it arrives: that
//! it is a grant, over our digest, with our nonce, and the time that it states.
//!
//! Whether the authority signed it is not checked here: that needs certificates and their paths, which whoever doubts a
//! timestamp checks with a program that is not ours, such as `openssl ts -verify` or `rfc3161-client`, against the
//! authority's root. The whole reply is kept for that.

use kernel::Timestamp;

use crate::WitnessError;
use crate::der::{self, Reader};

/// The type of a request's body.
pub const QUERY_TYPE: &str = "application/timestamp-query";
/// The type of a reply's body.
pub const REPLY_TYPE: &str = "application/timestamp-reply";
/// The largest reply that is read: a token with a chain of certificates has some kilobytes.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;

/// SHA-256: 2.16.840.1.101.3.4.2.1.
const SHA_256: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// Signed data (RFC 5652): 1.2.840.113549.1.7.2.
const SIGNED_DATA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
/// What a token signs: 1.2.840.113549.1.9.16.1.4.
const TST_INFO: [u8; 11] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x04];

fn imprint(digest: &[u8; 32]) -> Vec<u8> {
    let algorithm = der::sequence(&[der::value(der::OBJECT_ID, &SHA_256), der::value(der::NULL, &[])]);
    der::sequence(&[algorithm, der::value(der::OCTETS, digest)])
}

/// The request for a timestamp over a SHA-256 digest, with the authority's certificate in the reply. The nonce must be a
/// new random one: it is what tells a fresh reply from an old one.
pub fn request(digest: &[u8; 32], nonce: u64) -> Vec<u8> {
    der::sequence(&[der::unsigned(1), imprint(digest), der::unsigned(nonce), der::value(der::BOOLEAN, &[0xFF])])
}

/// Reads the reply to [`request`] with the same digest and nonce; the answer is the time that the authority states.
///
/// # Errors
/// [`WitnessError::NotGranted`], or [`WitnessError::Timestamp`] for what is no reply to the request.
pub fn read(reply: &[u8], digest: &[u8; 32], nonce: u64) -> Result<Timestamp, WitnessError> {
    if reply.len() > REPLY_BYTES_MAX {
        return Err(WitnessError::Timestamp("it is larger than 64 KiB"));
    }
    let mut all = Reader::new(reply);
    let mut response = all.within(der::SEQUENCE)?;
    if !all.is_at_end() {
        return Err(WitnessError::Timestamp("something stands behind it"));
    }
    match *response.within(der::SEQUENCE)?.expect(der::INTEGER)? {
        [0 | 1] => {}
        [status] if status < 0x80 => return Err(WitnessError::NotGranted { status }),
        _ => return Err(WitnessError::Timestamp("its status is none")),
    }
    let info = signed_content(response.within(der::SEQUENCE)?)?;
    let mut fields = Reader::new(info).within(der::SEQUENCE)?;
    if *fields.expect(der::INTEGER)? != [1] {
        return Err(WitnessError::Timestamp("it is of another version"));
    }
    fields.expect(der::OBJECT_ID)?;
    check_imprint(fields.within(der::SEQUENCE)?, digest)?;
    fields.expect(der::INTEGER)?;
    let time = read_time(fields.expect(der::GENERALIZED_TIME)?)?;
    fields.optional(der::SEQUENCE)?;
    fields.optional(der::BOOLEAN)?;
    let answered = fields.optional(der::INTEGER)?.map(|content| der::value(der::INTEGER, content));
    if answered != Some(der::unsigned(nonce)) {
        return Err(WitnessError::Timestamp("its nonce is not the request's"));
    }
    Ok(time)
}

/// What the token within a reply signs.
fn signed_content(mut token: Reader<'_>) -> Result<&[u8], WitnessError> {
    const OTHER: WitnessError = WitnessError::Timestamp("its token is no signed timestamp");
    if token.expect(der::OBJECT_ID)? != SIGNED_DATA {
        return Err(OTHER);
    }
    let mut signed = token.within(der::EXPLICIT_0)?.within(der::SEQUENCE)?;
    signed.expect(der::INTEGER)?;
    signed.expect(der::SET)?;
    let mut content = signed.within(der::SEQUENCE)?;
    if content.expect(der::OBJECT_ID)? != TST_INFO {
        return Err(OTHER);
    }
    content.within(der::EXPLICIT_0)?.expect(der::OCTETS)
}

fn check_imprint(mut imprint: Reader<'_>, digest: &[u8; 32]) -> Result<(), WitnessError> {
    // Authorities write the algorithm's parameters as null or leave them out.
    let algorithm = imprint.within(der::SEQUENCE)?.expect(der::OBJECT_ID)?;
    if algorithm != SHA_256 || imprint.expect(der::OCTETS)? != digest {
        return Err(WitnessError::Timestamp("it is over another digest"));
    }
    Ok(())
}

/// `YYYYMMDDhhmmss[.f…]Z` (RFC 3161 §2.4.2).
fn read_time(text: &[u8]) -> Result<Timestamp, WitnessError> {
    const OTHER: WitnessError = WitnessError::Timestamp("its time is none");
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii()).ok_or(OTHER)?;
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let rest = text.get(14..).ok_or(OTHER)?;
    let (date, time) = ((part(0..4), part(4..6), part(6..8)), (part(8..10), part(10..12), part(12..14)));
    let common = format!("{}-{}-{}T{}:{}:{}{rest}", date.0, date.1, date.2, time.0, time.1, time.2);
    common.parse().map_err(|_| OTHER)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use journal::Hash;

    use super::*;

    /// Made by OpenSSL 3.0: `openssl ts -query -sha256 -cert` over "a checkpoint\n", and the reply of its own authority.
    const NONCE: u64 = 0x9F60_E6E2_A82B_77E2;
    const QUERY: &str =
        "MEQCAQEwMTANBglghkgBZQMEAgEFAAQgrz8hGBYi0F62N167MOYrvpj4VBx3iuLs7dCvMzxDpQQCCQCfYObiqCt34gEB/w==";
    const REPLY: &str = "MIIDjTADAgEAMIIDhAYJKoZIhvcNAQcCoIIDdTCCA3ECAQMxDzANBglghkgBZQMEAgEFADCBkAYLKoZIhvcNAQkQAQSggYAEfjB8\
        AgEBBgQqAwQBMDEwDQYJYIZIAWUDBAIBBQAEIK8/IRgWItBetjdeuzDmK76Y+FQcd4ri7O3QrzM8Q6UEAgECGA8yMDI2MTEzMDA4\
        NTYwM1owAwIBAQEB/wIJAJ9g5uKoK3fioBekFTATMREwDwYDVQQDDAhUZXN0LVRTQaCCAYUwggGBMIIBJ6ADAgECAhR11BBWxHMB\
        TSVaax7DRQAJV8WlEDAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0LUNBMB4XDTI2MTEzMDA4NTYwM1oXDTM2MTEyNzA4NTYw\
        M1owEzERMA8GA1UEAwwIVGVzdC1UU0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARe5MUsy7Bz8G7zNTcriV3aVdl3CQqpuAwP\
        CEAEWpFN3aISzs1TzxJwDx3u/RcYXILe/bAK9xva16L2SEXTLK7ho1owWDAWBgNVHSUBAf8EDDAKBggrBgEFBQcDCDAdBgNVHQ4E\
        FgQU7vbpWuaxp2lZbH3WaB3zVUqpaGAwHwYDVR0jBBgwFoAUpBjGMsarsp+HNzmvfkyfNwQCJCAwCgYIKoZIzj0EAwIDSAAwRQIg\
        DXXIl94qzgdh1vnCiq8Oee4Sf58oGSRKpm5H2NQ3uTACIQCy8wJHTjmRKxnNpDLIrwHdu5HRn0rq7F032aHvWA27dDGCAT0wggE5\
        AgEBMCowEjEQMA4GA1UEAwwHVGVzdC1DQQIUddQQVsRzAU0lWmsew0UACVfFpRAwDQYJYIZIAWUDBAIBBQCggaQwGgYJKoZIhvcN\
        AQkDMQ0GCyqGSIb3DQEJEAEEMBwGCSqGSIb3DQEJBTEPFw0yNjExMzAwODU2MDNaMC8GCSqGSIb3DQEJBDEiBCA4GHHddZiXIa8u\
        kRs2qJFezJQAmaVsYDQTFev8KlJsxDA3BgsqhkiG9w0BCRACLzEoMCYwJDAiBCAeaqakpDe8YUJ+v+Vq3+VunUu0G4r1tAV78ujZ\
        EO0TYjAKBggqhkjOPQQDAgRGMEQCIAyzwFw7Jo5W6VkF3D3lIe1a7lowgwb2ZY8zdsJ+W8jSAiA3nVZXQDPD4NL8Swk3/h7MFIrM\
        62qFHxCv4Xt3wR4dTQ==";
    const REJECTED: &str = "MDcwNQIBAjAsDCpNZXNzYWdlIGRpZ2VzdCBhbGdvcml0aG0gaXMgbm90IHN1cHBvcnRlZC4DAgeA";

    fn digest() -> [u8; 32] {
        *Hash::of_bytes(b"a checkpoint\n").as_bytes()
    }

    #[test]
    fn a_request_is_the_one_that_openssl_writes() {
        assert_eq!(STANDARD.encode(request(&digest(), NONCE)), QUERY);
        assert!(request(&digest(), 0).windows(3).any(|bytes| bytes == [2, 1, 0]));
    }

    #[test]
    fn the_reply_of_another_program_is_read() {
        let reply = STANDARD.decode(REPLY).unwrap();
        assert_eq!(read(&reply, &digest(), NONCE).unwrap().to_string(), "2026-11-30T08:56:03.000000Z");
        let other = *Hash::of_bytes(b"another").as_bytes();
        assert!(read(&reply, &other, NONCE).is_err());
        assert!(read(&reply, &digest(), NONCE + 1).is_err());
        let rejected = STANDARD.decode(REJECTED).unwrap();
        assert!(matches!(read(&rejected, &digest(), NONCE), Err(WitnessError::NotGranted { status: 2 })));
    }

    #[test]
    fn a_reply_that_is_cut_or_changed_is_never_read_as_another_time_or_digest() {
        let reply = STANDARD.decode(REPLY).unwrap();
        for end in 0..reply.len() {
            assert!(read(&reply[..end], &digest(), NONCE).is_err(), "cut at {end}");
        }
        assert!(read(&[&reply[..], &[0]].concat(), &digest(), NONCE).is_err());
        for (at, bit) in (0..reply.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut flipped = reply.clone();
            flipped[at] ^= 1 << bit;
            // Nothing here checks the signature; what is read must not panic.
            let _ = read(&flipped, &digest(), NONCE);
        }
        assert!(read(&vec![0x30; REPLY_BYTES_MAX + 1], &digest(), NONCE).is_err());
        assert!(read(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], &digest(), NONCE).is_err());
        assert!(read(&[0x30, 0x81, 0x01, 0x00], &digest(), NONCE).is_err());
    }

    #[test]
    fn times_are_read_with_and_without_fractions() {
        let read = |text: &str| read_time(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(read("20240229235959.5Z").unwrap(), "2024-02-29T23:59:59.500000Z");
        for bad in ["", "20240229", "20230229000000Z", "20240229235959", "20240229235959+0100", "2024022923595\u{e9}Z"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
