"""Verifies a JWT-SVID with PyJWT, by nothing but the trust bundle: jwt_svid.py BUNDLE AUDIENCE TOKEN

Says the claims, or in one word why it does not believe them.
"""

import json
import sys

import jwt

bundle, audience, token = sys.argv[1:]
with open(bundle) as file:
    keys = jwt.PyJWKSet.from_dict(json.load(file))
key = keys[jwt.get_unverified_header(token)["kid"]]
try:
    needed = {"require": ["sub", "aud", "iat", "exp"]}
    print(json.dumps(jwt.decode(token, key, algorithms=["ES256"], audience=audience, options=needed)))
except jwt.PyJWTError as refusal:
    print(type(refusal).__name__)
