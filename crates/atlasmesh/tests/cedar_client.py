"""Cedar by others (cedarpy) over rules as `atlasmesh policy export` writes them.

    cedar_client.py FOLDER QUESTIONS

Prints one JSON a line: first what validation finds of each file, then what each question is answered. QUESTIONS is a JSON object
{entities, questions}, a question {sector, request}. Rules that only set limits decide nothing and are left out.
"""
import json
import sys
from pathlib import Path

import cedarpy

folder, questions = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
NAMESPACE = "namespace Fleet {"


def body_of(text):
    """Each part is of the same namespace, which can be opened once."""
    return text.split(NAMESPACE, 1)[1].rsplit("}", 1)[0]


parts = [body_of(part.read_text()) for part in sorted(folder.glob("*.cedarschema"))]
schema = cedarpy.Schema.from_str(NAMESPACE + "".join(parts) + "}")

for file in sorted(folder.rglob("*.cedar")):
    told = cedarpy.validate_policies(file.read_text(), schema)
    errors = [str(error) for error in told.errors]
    print(json.dumps({"file": str(file.relative_to(folder)), "valid": told.validation_passed, "errors": errors}))


def rules_of(sector):
    files = [*folder.glob("base/*.cedar"), *folder.glob(f"sectors/{sector}/*.cedar")]
    rules = json.loads(cedarpy.policies_to_json_str("\n".join(file.read_text() for file in files)))
    deciding = [rule for rule in rules["staticPolicies"].values() if "constrain" not in rule["annotations"]]
    rules["staticPolicies"] = {rule["annotations"]["id"]: rule for rule in deciding}
    return cedarpy.PolicySet.from_json_str(json.dumps(rules))


entities = cedarpy.Entities.from_json_str(json.dumps(questions["entities"]), schema)
answers = {}
for sector in {asked["sector"] for asked in questions["questions"]}:
    at = [n for n, asked in enumerate(questions["questions"]) if asked["sector"] == sector]
    requests = [questions["questions"][n]["request"] for n in at]
    answers |= zip(at, cedarpy.is_authorized_batch(requests, rules_of(sector), entities, schema))
for _, told in sorted(answers.items()):
    found = told.diagnostics
    print(json.dumps({"allowed": told.allowed, "rules": sorted(found.reasons), "errors": [str(e) for e in found.errors]}))
