"""Cross-check with python-tuf (PyPI tuf 7, securesystemslib[crypto]); not part of CI.

    ngclient.py check FOLDER   python-tuf refreshes the repository that examples/repository.rs wrote, and downloads its target
    ngclient.py write FOLDER   python-tuf writes metadata for tests/python.rs, with odd names and texts
"""

import functools
import http.server
import sys
import tempfile
import threading
from datetime import datetime, timezone
from pathlib import Path

NAME = "av-os-2.0.0.img"


def check(folder: Path) -> None:
    from tuf.api.exceptions import DownloadError, RepositoryError
    from tuf.ngclient import Updater

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    root = (folder / "metadata/1.root.json").read_bytes()

    def updater() -> Updater:
        store = tempfile.mkdtemp()
        return Updater(store, f"{url}/metadata/", store, f"{url}/targets/", bootstrap=root)

    client = updater()
    client.refresh()
    info = client.get_targetinfo(NAME)
    assert info is not None and info.custom["releaseCounter"] == 42, info
    path = client.download_target(info)
    assert Path(path).stat().st_size == info.length
    print("python-tuf: refreshed and downloaded", NAME)

    # python-tuf must also see that a document was altered, so that the check above is worth something.
    targets = folder / "metadata/3.targets.json"
    good = targets.read_bytes()
    targets.write_bytes(good.replace(b"R157-0042", b"R157-0043"))
    try:
        updater().refresh()
        raise SystemExit("python-tuf took an altered document")
    except (RepositoryError, DownloadError) as error:
        print("python-tuf: refused an altered document:", error)
    finally:
        targets.write_bytes(good)
    server.shutdown()


def write(folder: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
    from tuf.api.serialization.json import JSONSerializer

    folder.mkdir(parents=True, exist_ok=True)
    signers = [CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)) for seed in range(1, 6)]
    expires = datetime(2099, 1, 1, tzinfo=timezone.utc)
    root = Root(version=1, expires=expires, consistent_snapshot=True)
    for role, signer in zip(("root", "timestamp", "snapshot", "targets", "targets"), signers):
        root.add_key(signer.public_key, role)
    root.roles["targets"].threshold = 2
    root.unrecognized_fields["x-later"] = {"b": [1, -2, None, True], "a!": "é e\u0301 \u2028 \U0001f697", "a": "\"\\\n\t"}

    data = b"an image"
    info = TargetFile.from_data(NAME, data, ["sha256", "sha512"])
    info.unrecognized_fields["custom"] = {"release": "av-os-2.0.0", "releaseCounter": 42, "hardwareIds": ["avcompute-r1"]}
    targets = Targets(version=3, expires=expires, targets={NAME: info})

    def sign(role, by):
        metadata = Metadata(role)
        for signer in by:
            metadata.sign(signer, append=True)
        return metadata.to_bytes(JSONSerializer(compact=False))

    def pin(version, document):
        return MetaFile.from_data(version, document, ["sha256"])

    documents = {"1.root.json": sign(root, signers[:1]), "3.targets.json": sign(targets, signers[3:])}
    snapshot = Snapshot(version=4, expires=expires, meta={"targets.json": pin(3, documents["3.targets.json"])})
    documents["4.snapshot.json"] = sign(snapshot, signers[2:3])
    timestamp = Timestamp(version=5, expires=expires, snapshot_meta=pin(4, documents["4.snapshot.json"]))
    documents["timestamp.json"] = sign(timestamp, signers[1:2])
    for name, document in documents.items():
        (folder / name).write_bytes(document)
    print("wrote", *documents)


if __name__ == "__main__":
    {"check": check, "write": write}[sys.argv[1]](Path(sys.argv[2]))
