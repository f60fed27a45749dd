#!/bin/sh
# Makes an update for SWUpdate, signed: sh swu.sh FOLDER IMAGE VERSION SLOT [SHA256]
#
# FOLDER gets NAME.swu beside IMAGE, and c.pem, by which SWUpdate knows whose updates it takes. SLOT is the file that IMAGE is
# written to. SHA256 is what the description says of IMAGE, if it is to be something else than the truth.
set -eu
folder=$1 image=$2 version=$3 slot=$4
cd "$folder"
sha256=${5:-$(openssl sha256 -r "$image" | cut -d' ' -f1)}
[ -s c.pem ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /CN=updates \
    -addext extendedKeyUsage=emailProtection 2>/dev/null
cat >sw-description <<END
software = {
    version = "$version";
    hardware-compatibility: [ "1.0" ];
    images: ( { filename = "$image"; type = "raw"; device = "$slot"; installed-directly = true; sha256 = "$sha256"; } );
}
END
openssl cms -sign -in sw-description -out sw-description.sig -signer c.pem -inkey k.pem -outform DER -nosmimecap -binary
printf 'sw-description\nsw-description.sig\n%s\n' "$image" | cpio --quiet -o -H crc >"$version.swu"
