"""A program on a vehicle that gets the vehicle's identity by the SPIFFE Workload API: workload.py SOCKET

It knows nothing of the fleet but the socket, and says what it got, a name and a value on each line. SOCKET is the name of a
file in the folder that it runs in: gRPC's C core calls the server by the socket's path, and a slash in it makes a name
(`:authority`) that the HTTP/2 library of our side takes for malformed (github.com/grpc/grpc/issues/38142).
"""

import sys

import grpc
from spiffe import JwtSvid, WorkloadApiClient
from spiffe._proto import workload_pb2, workload_pb2_grpc

AUDIENCE = "updates"
TIMEOUT_S = 20
address = f"unix:{sys.argv[1]}"


def say(name, value):
    print(name, value, flush=True)


def certificate(client):
    """The library checks the leaf's profile; that the key and the authority are the leaf's own is checked here."""
    context = client.fetch_x509_context(timeout=TIMEOUT_S)
    svid = context.default_svid
    say("x509_id", svid.spiffe_id)
    say("key_fits", svid.leaf.public_key() == svid.private_key.public_key())
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    for authority in bundle.x509_authorities:
        svid.leaf.verify_directly_issued_by(authority)
    say("authorities", len(bundle.x509_authorities))


def token(client):
    fetched = client.fetch_jwt_svid({AUDIENCE}, timeout=TIMEOUT_S)
    bundles = client.fetch_jwt_bundles(timeout=TIMEOUT_S)
    bundle = bundles.get_bundle_for_trust_domain(fetched.spiffe_id.trust_domain)
    say("jwt_id", JwtSvid.parse_and_validate(fetched.token, bundle, {AUDIENCE}).spiffe_id)
    say("jwt_id_by_agent", client.validate_jwt_svid(fetched.token, AUDIENCE, timeout=TIMEOUT_S).spiffe_id)
    try:
        JwtSvid.parse_and_validate(fetched.token, bundle, {"another"})
    except Exception as refusal:
        say("for_another", type(refusal).__name__)
    say("token", fetched.token)


def without_metadata():
    """What every request must carry is left out, as a browser or a proxy would."""
    with grpc.insecure_channel(address) as channel:
        stub = workload_pb2_grpc.SpiffeWorkloadAPIStub(channel)
        streams = {
            "svid": stub.FetchX509SVID(workload_pb2.X509SVIDRequest(), timeout=TIMEOUT_S),
            "bundles": stub.FetchX509Bundles(workload_pb2.X509BundlesRequest(), timeout=TIMEOUT_S),
            "jwt_bundles": stub.FetchJWTBundles(workload_pb2.JWTBundlesRequest(), timeout=TIMEOUT_S),
        }
        for name, stream in streams.items():
            try:
                say(f"unmarked_{name}", next(stream))
            except grpc.RpcError as refusal:
                say(f"unmarked_{name}", refusal.code().name)
        try:
            say("unmarked_jwt", stub.FetchJWTSVID(workload_pb2.JWTSVIDRequest(audience=[AUDIENCE]), timeout=TIMEOUT_S))
        except grpc.RpcError as refusal:
            say("unmarked_jwt", refusal.code().name)


with WorkloadApiClient(address) as client:
    certificate(client)
    token(client)
without_metadata()
