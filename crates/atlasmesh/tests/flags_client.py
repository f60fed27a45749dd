"""The OFREP provider of OpenFeature's project for Python: asks every question of a file, prints one JSON a line.

    flags_client.py URL QUESTIONS

QUESTIONS is a JSON list of {token, flag, type, default, context?}; type is that of the asked value.
"""
import json
import sys
from pathlib import Path

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

url, questions = sys.argv[1:3]
ASK = {"boolean": "get_boolean_details", "string": "get_string_details", "number": "get_integer_details"}


def client_of(token):
    def headers():
        return {"Authorization": f"Bearer {token}"}

    api.set_provider(OFREPProvider(url, headers_factory=headers), domain=token)
    return api.get_client(domain=token)


def context_of(asked):
    if "context" not in asked:
        return None
    attributes = dict(asked["context"])
    return EvaluationContext(attributes.pop("targetingKey", None), attributes)


clients = {}
for asked in json.loads(Path(questions).read_text()):
    token = asked["token"]
    if token not in clients:
        clients[token] = client_of(token)
    ask = getattr(clients[token], ASK[asked["type"]])
    told = ask(asked["flag"], asked["default"], context_of(asked))
    error = str(told.error_code.value) if told.error_code else None
    print(json.dumps({"value": told.value, "variant": told.variant, "reason": str(told.reason), "error": error}))
