"""python-tuf's client before the image repository: it refreshes, finds an image, downloads and verifies it.

    ngclient.py https://HOST:PORT IDENTITY IMAGE SAVE_AS

IDENTITY is the folder of `examples/enrol.sh`. Prints one `name value` a line: what the client says, and what it says when one
byte of a document or of the image is another one on the way.
"""
import sys
import tempfile
from pathlib import Path

import urllib3
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

address, identity, image, save_as = sys.argv[1:]
identity = Path(identity)
known_by = {"ca_certs": identity / "device-authorities.pem"}
own = {"cert_file": identity / "svid.pem", "key_file": identity / "svid.key"}


class Fetcher(FetcherInterface):
    """Fetches with a vehicle's certificate, and alters what it is told to by its address."""

    def __init__(self, changed=None, **certificate):
        self.pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", retries=False, **known_by, **certificate)
        self.changed, self.asked = changed, []

    def _fetch(self, url):
        answer = self.pool.request("GET", url, timeout=20.0)
        self.asked.append(url.rsplit("/", 1)[1])
        if answer.status != 200:
            raise DownloadHTTPError(f"{url}: {answer.status}", answer.status)
        data = answer.data
        return iter([altered(data) if self.changed and self.changed(url) else data])


def altered(data):
    """Another version in a document, whose form stays what it was; another byte in an image."""
    at = data.find(b'"version":')
    at = len(data) // 2 if at < 0 else next(n for n in range(at, len(data)) if chr(data[n]).isdigit())
    return data[:at] + (b"1" if data[at:at + 1] != b"1" else b"2") + data[at + 1:]


def updater(fetcher, bootstrap):
    store = tempfile.mkdtemp()
    return Updater(store, f"{address}/v1/images/", store, f"{address}/v1/images/targets/", fetcher, bootstrap=bootstrap)


def refusal(act):
    try:
        act()
    except Exception as error:
        return type(error).__name__
    return "none"


fetcher = Fetcher(**own)
root = b"".join(fetcher.fetch(f"{address}/v1/images/1.root.json"))
client = updater(fetcher, root)
client.refresh()
info = client.get_targetinfo(image)
path = Path(client.download_target(info, save_as))
print("counter", info.custom["releaseCounter"])
print("length", path.stat().st_size)
print("asked", ",".join(fetcher.asked))
print("unknown", client.get_targetinfo("no-such.img"))

for name in ("root", "timestamp", "snapshot", "targets"):
    # A client believes the root that it begins with, if that one has signed itself.
    changed = Fetcher(None if name == "root" else lambda url: url.endswith(f"{name}.json"), **own)
    print(f"changed_{name}", refusal(lambda: updater(changed, altered(root) if name == "root" else root).refresh()))
changed = updater(Fetcher(lambda url: "/targets/" in url, **own), root)
print("changed_image", refusal(lambda: changed.download_target(changed.get_targetinfo(image), save_as)))
try:
    Fetcher().fetch(f"{address}/v1/images/1.root.json")
except DownloadHTTPError as error:
    print("no_certificate", error.status_code)
