"""decern's client before a point of decision: asks every question of a file and prints what it understood, one JSON a line.

    decern_client.py URL QUESTIONS [TOKEN]

QUESTIONS is a JSON list of bodies of `POST /access/v1/evaluation`.
"""
import json
import sys
from pathlib import Path

from decern import Client

url, questions = sys.argv[1:3]
client = Client(url, token=sys.argv[3] if len(sys.argv) > 3 else None)
for asked in json.loads(Path(questions).read_text()):
    told = client.evaluate(asked["subject"], asked["action"], asked["resource"], asked.get("context"))
    print(json.dumps({"allowed": told.allowed, "reasons": told.reasons}), flush=True)
