//! The text of `VERIFY.md`: how a stranger checks a bundle with programs that are not ours. Each block is run as it stands,
//! in one shell, in the directory that holds the archive.

use crate::archive::{MANIFEST, SIGNATURE};
use crate::statement::PAYLOAD_TYPE;

/// The kind of the key that signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    P256,
}

/// What the commands are about. Every name must be one that a shell takes as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// The archive.
    pub archive: &'a str,
    /// The public key in PEM, which the verifier has from us by another way than the bundle.
    pub key: &'a str,
    pub key_kind: KeyKind,
    /// The roots of the timestamping authority in PEM, where the signature has a timestamp (RFC 3161).
    pub timestamp_roots: Option<&'a str>,
}

/// A name that a shell would not take as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` has something other than letters, digits, `.`, `_` and `-`, or begins with one of the last two")]
pub struct NameError(pub String);

/// The text.
///
/// # Errors
/// [`NameError`].
pub fn verify_md(names: &Names<'_>) -> Result<String, NameError> {
    for name in [names.archive, names.key].into_iter().chain(names.timestamp_roots) {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !is_plain || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err(NameError(name.to_owned()));
        }
    }
    let verify = match names.key_kind {
        KeyKind::Ed25519 => {
            "openssl pkeyutl -verify -pubin -inkey \"$KEY\" -rawin -in message.bin -sigfile signature.bin"
        }
        KeyKind::P256 => "openssl dgst -sha256 -verify \"$KEY\" -signature signature.bin message.bin",
    };
    let timestamp = names.timestamp_roots.map(|roots| TIMESTAMP.replace("@ROOTS@", roots)).unwrap_or_default();
    Ok(TEXT
        .replace("@TIMESTAMP@", &timestamp)
        .replace("@ARCHIVE@", names.archive)
        .replace("@KEY@", names.key)
        .replace("@VERIFY@", verify)
        .replace("@MANIFEST@", MANIFEST)
        .replace("@SIGNATURE@", SIGNATURE)
        .replace("@PAYLOAD_TYPE@", PAYLOAD_TYPE))
}

const TEXT: &str = r#"# How to verify this bundle

You need `zstd`, `tar`, `sha256sum`, `openssl` (3.0 or later), `jq`, `base64` and a shell. No program of ours is involved.
Get the public key from us by another way than this bundle, and compare its digest with the one that you were told.

## 1. Unpack

```sh
set -eu
ARCHIVE="$PWD/@ARCHIVE@"
KEY="$PWD/@KEY@"
openssl pkey -pubin -in "$KEY" -outform DER | sha256sum
zstd -q -t "$ARCHIVE"
zstd -q -d -c "$ARCHIVE" | tar -tvf - > listing.txt
# Nothing but plain files, none outside the directory.
if grep -v '^-' listing.txt; then echo "not a plain file"; exit 1; fi
if awk '{print $NF}' listing.txt | grep -E '^/|(^|/)\.\.(/|$)'; then echo "a name that climbs"; exit 1; fi
mkdir unpacked
zstd -q -d -c "$ARCHIVE" | tar -xf - -C unpacked
cd unpacked
```

## 2. Every file is as the manifest says, and there is no other

```sh
jq -r '.files[] | "\(.sha256)  \(.path)"' @MANIFEST@ > ../expected.txt
sha256sum --check --strict --quiet ../expected.txt
jq -r '.files[].path' @MANIFEST@ | LC_ALL=C sort > ../expected-names.txt
find . -type f ! -path ./@MANIFEST@ ! -path ./@SIGNATURE@ | sed 's|^\./||' | LC_ALL=C sort > ../actual-names.txt
diff ../expected-names.txt ../actual-names.txt
```

## 3. The statement is about this manifest

```sh
jq -r '.dsseEnvelope.payload' @SIGNATURE@ | base64 -d > ../payload.json
ABOUT="$(jq -r '.subject[] | select(.name == "@MANIFEST@") | .digest.sha256' ../payload.json)"
IS="$(sha256sum @MANIFEST@ | cut -d ' ' -f 1)"
test "$ABOUT" = "$IS"
jq -r '.predicate' ../payload.json
```

Read the predicate: it says what the bundle holds and whether it is complete.

## 4. The statement is signed

What is signed is the statement in the encoding of DSSE: the lengths and the type before it.

```sh
test "$(jq -r '.dsseEnvelope.payloadType' @SIGNATURE@)" = '@PAYLOAD_TYPE@'
jq -r '.dsseEnvelope.signatures[0].sig' @SIGNATURE@ | base64 -d > ../signature.bin
TYPE='@PAYLOAD_TYPE@'
printf 'DSSEv1 %d %s %d ' "${#TYPE}" "$TYPE" "$(wc -c < ../payload.json)" > ../message.bin
cat ../payload.json >> ../message.bin
cd ..
@VERIFY@
echo "the bundle is as it was signed"
```

The same signature is a Sigstore bundle: `@sigstore/verify` (npm) reads `@SIGNATURE@` with the key and no transparency log
of Sigstore's.
@TIMESTAMP@"#;

const TIMESTAMP: &str = r#"
## 5. The signature existed at the time that an authority says

Get the roots of the authority from the authority.

```sh
jq -r '.verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp' unpacked/@SIGNATURE@ |
    base64 -d > timestamp.tsr
openssl ts -verify -in timestamp.tsr -data signature.bin -CAfile "@ROOTS@"
openssl ts -reply -in timestamp.tsr -text | grep 'Time stamp'
```
"#;
