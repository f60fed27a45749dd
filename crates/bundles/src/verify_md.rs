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
    /// Whether the archive carries a signed head of the log and the tiles that prove its entries under it.
    pub log: bool,
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
    let log = if names.log { LOG } else { "" };
    Ok(TEXT
        .replace("@TIMESTAMP@", &timestamp)
        .replace("@LOG@", log)
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
@LOG@@TIMESTAMP@"#;

const LOG: &str = r#"
## 5. Every entry stands in the log, and the log's head is signed

The bundle carries the head of the log (`checkpoint`, C2SP tlog-checkpoint) and the tiles of hashes that prove its entries
under it (`tile/`, C2SP tlog-tiles). Compare `keys/log.pem` with the key that you were told. First the signature of the head:

```sh
cd unpacked
sed '/^$/,$d' checkpoint > ../head.txt
awk '/^$/ { signatures = 1; next } signatures { print $3; exit }' checkpoint | base64 -d | tail -c 64 > ../head.sig
openssl pkeyutl -verify -pubin -inkey keys/log.pem -rawin -in ../head.txt -sigfile ../head.sig
```

Then every entry, by Python without any package. The tiles are those of transparency logs, so programs for these read them
too, such as `tlog-tiles` (PyPI `tlog-scales`) and Go's `golang.org/x/mod/sumdb/tlog`.

```sh
python3 - <<'END'
import base64, glob, hashlib, json

lines = open("../head.txt").read().split("\n")
size, root = int(lines[1]), base64.b64decode(lines[2])

def sha256(data):
    return hashlib.sha256(data).digest()

def root_of(hashes):  # RFC 6962, of a perfect subtree
    while len(hashes) > 1:
        hashes = [sha256(b"\x01" + hashes[i] + hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]

def tile(level, n):
    count = min(256, (size >> 8 * level) - n * 256)
    name, rest = f"{n % 1000:03d}", n // 1000
    while rest:
        name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
    data = open(f"tile/{level}/{name}" + (f".p/{count}" if count < 256 else ""), "rb").read()
    assert len(data) == 32 * count, "a tile has another size"
    return [data[i : i + 32] for i in range(0, len(data), 32)]

# The right edge: perfect subtrees from the largest to the smallest, which together give the root.
subtrees, edge, level = [], {}, 0
while size >> 8 * level:
    level += 1
for level in reversed(range(level)):
    count = (size >> 8 * level) % 256
    if count:
        edge[level] = hashes = tile(level, size >> 8 * (level + 1))
        for bit in (128, 64, 32, 16, 8, 4, 2, 1):
            if count & bit:
                subtrees.append(root_of(hashes[:bit]))
                hashes = hashes[bit:]
top = subtrees.pop()
while subtrees:
    top = sha256(b"\x01" + subtrees.pop() + top)
assert top == root, "the tiles do not give the root of the signed head"

proven = {}
def proven_hash(level, position):
    n = position >> 8
    if (level, n) not in proven:
        if level in edge and n == size >> 8 * (level + 1):
            proven[level, n] = edge[level]
        else:
            hashes = tile(level, n)
            assert root_of(hashes) == proven_hash(level + 1, n), f"tile {level}/{n} is not of this log"
            proven[level, n] = hashes
    return proven[level, n][position & 255]

about = json.load(open("../payload.json"))["predicate"]["about"]
count, before = 0, None
for name in sorted(glob.glob("events/*.ndjson")):
    for line in open(name, encoding="utf-8"):
        entry = json.loads(line)
        leaf = sha256(b"\x00" + entry["envelope"].encode() + entry["links"].encode())
        assert leaf == proven_hash(0, entry["index"]), f"entry {entry['index']} is not in the log"
        for link in json.loads(entry["links"]):
            if link["subject"] == about:  # nothing is missing between the first and the last entry of the subject
                assert before in (None, (link["n"] - 1, link["previous"])), f"entries before {entry['index']} are missing"
                before = (link["n"], leaf.hex())
        count += 1
print(count, "entries are in the log of", lines[0], "with", size, "entries")
END
cd ..
```

The keys that signed before, with what became of them, stand in `keys/history.json`; the policies that were asked in
`policies/`, by the digest that each decision names; where witnesses cosigned the head, `witness.policy` (C2SP tlog-policy) says
how many must have.
"#;

const TIMESTAMP: &str = r#"
## The signature existed at the time that an authority says

Get the roots of the authority from the authority.

```sh
jq -r '.verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp' unpacked/@SIGNATURE@ |
    base64 -d > timestamp.tsr
openssl ts -verify -in timestamp.tsr -data signature.bin -CAfile "@ROOTS@"
openssl ts -reply -in timestamp.tsr -text | grep 'Time stamp'
```
"#;
