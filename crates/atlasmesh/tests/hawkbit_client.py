"""rauc-hawkbit's client before hawkBit's interface: its own loop polls, identifies, downloads and reports. What it would tell
RAUC over D-Bus is answered here, so that it needs neither.

    hawkbit_client.py TOKEN VERSION HARDWARE FOLDER POLLS [RESULT]

TOKEN is the file of `POST /v1/vehicles/{vehicle}/update-token`; VERSION and HARDWARE are what the vehicle says it is. Ends after
an installation with that result (0: it worked), or after so many polls. Prints what happens, one thing a line.
"""
import asyncio
import hashlib
import json
import ssl
import sys
import types
from pathlib import Path

import aiohttp


class Bus:
    """In the place of `AsyncDBUSClient`: an installer that writes nothing and says that it is done."""

    def __init__(self):
        self.told = {}

    def new_proxy(self, *_):
        return types.SimpleNamespace(Install=self.written)

    def new_property_subscription(self, _, name, callback):
        self.told[name] = callback

    new_signal_subscription = new_property_subscription

    def written(self, _, bundle):
        image = Path(bundle).read_bytes()
        print("image", len(image), hashlib.sha256(image).hexdigest(), flush=True)
        self.installing = asyncio.ensure_future(self.goes_on())

    async def goes_on(self):
        try:
            await self.told["Progress"](*[None] * 5, (50, "Copying image", 1))
            await self.told["Completed"](*[None] * 5, (result,))
        except Exception as error:
            over.set_exception(error)


def stand_in(name, **members):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


stand_in("gi")
stand_in("gi.repository", GLib=types.SimpleNamespace(Error=OSError), Gio=None)
stand_in("rauc_hawkbit.dbus_client", AsyncDBUSClient=Bus)
from rauc_hawkbit.rauc_dbus_ddi_client import RaucDBUSDDIClient  # noqa: E402

token, version, hardware, folder, polls, *rest = sys.argv[1:]
token, polls, result = json.loads(Path(token).read_text()), int(polls), int(rest[0]) if rest else 0


class Client(RaucDBUSDDIClient):
    """Sleeps a moment only, and not for ever."""

    async def sleep(self, base):
        global polls
        polls -= 1
        print("polled", *sorted(base["_links"]), flush=True)
        while self.action_id:
            await asyncio.sleep(0.05)
        if polls == 0:
            over.set_result(None)
        await asyncio.sleep(0.3)


async def main():
    global over
    over = asyncio.get_running_loop().create_future()
    trust = ssl.create_default_context(cadata=token["authority_pem"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        attributes = {"sw_version": version, "hw_revision": hardware}
        host = token["base_url"].removeprefix("https://")
        who = (token["tenant"], token["controller"], token["token"])
        client = Client(session, host, True, *who, attributes, str(Path(folder) / "bundle"), over.set_result)
        loop = asyncio.ensure_future(client.poll_base_resource())
        await asyncio.wait([over, loop], return_when=asyncio.FIRST_COMPLETED)
        if loop.done():
            loop.result()
        loop.cancel()
        installed = over.result()
        print("nothing" if installed is None else f"installed {installed}", flush=True)


asyncio.run(main())
