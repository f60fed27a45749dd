#!/bin/sh
# Enrols a vehicle with openssl and curl alone, by EST (RFC 7030):
#
#     sh examples/enrol.sh BOOTSTRAP FOLDER
#
# BOOTSTRAP is the file of `atlasmesh garage bootstrap VEHICLE --out BOOTSTRAP`. FOLDER gets the device's key and certificate,
# with which it asks for others as often as it likes, a key and certificate to work by (an X509-SVID, an hour), and the
# authorities that the server is known by. Again on the same folder, it only asks for the latter two.
set -eu
umask 077
bootstrap=$1 folder=$2
value() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$bootstrap"; }
enrol=$(value enrol) vehicle=$(value vehicle)
est=https://$enrol/.well-known/est
mkdir -p "$folder"

# A key on P-256, which stays here, and a request that proves we hold it.
new_key() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj /CN=vehicle -outform DER \
        2>/dev/null | openssl base64 -out "$1.request"
}
ask() {
    if curl --silent --show-error --fail-with-body --output "$folder/answer" --cacert "$folder/device-authorities.pem" "$@"; then
        cat "$folder/answer"
    else
        cat "$folder/answer" >&2
    fi
}
certificates() { openssl base64 -d | openssl pkcs7 -inform DER -print_certs; }

if [ ! -s "$folder/device.pem" ]; then
    # Nothing is known of the server yet but the digest of its authority, which it sends along.
    openssl s_client -connect "$enrol" -showcerts </dev/null 2>/dev/null |
        awk '/BEGIN CERTIFICATE/ { n++ } n == 2, /END CERTIFICATE/' >"$folder/sent.pem"
    found=$(openssl x509 -in "$folder/sent.pem" -outform DER | openssl sha256 -r | cut -d' ' -f1)
    [ "$found" = "$(value device_authority_sha256)" ] || { echo "another server answers at $enrol" >&2; exit 1; }
    mv "$folder/sent.pem" "$folder/device-authorities.pem"
    [ -s "$folder/device.key" ] || new_key "$folder/device"
    # A lost answer is asked for again with the same key.
    ask --user "$vehicle:$(value join_token)" --header 'content-type: application/pkcs10' \
        --data-binary "@$folder/device.request" "$est/simpleenroll" | certificates >"$folder/device.pem"
fi

new_key "$folder/svid"
as_device="--cert $folder/device.pem --key $folder/device.key"
# shellcheck disable=SC2086
ask $as_device --header 'content-type: application/pkcs10' --data-binary "@$folder/svid.request" \
    "$est/svid/simpleenroll" | certificates >"$folder/svid.pem"
ask "$est/svid/cacerts" | certificates >"$folder/authorities.pem"
openssl verify -x509_strict -purpose sslclient -CAfile "$folder/authorities.pem" "$folder/svid.pem"
