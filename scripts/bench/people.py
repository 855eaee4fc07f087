"""The people who sign in, and a data folder that knows them."""

import shutil

from client import Admin, Browser
from gateways import PUBLIC_URL
from processes import Failure

PASSWORD = "Bench-Password-1"
STORM_CLIENTS = 32


class Seed:
    """A data folder with people in it, and the cookie of a session there.

    Every Portcullis that needs them runs on a copy, so that one cookie is good for all, and every
    gateway gets the same bytes.
    """

    def __init__(self, bench, policies):
        gateway = bench.portcullis("seed", policies)
        gateway.start()
        admin = Admin(gateway.socket)
        admin.post("organizations", {"id": "acme", "name": "Acme Ltd"})
        for login in ["ada", *(f"storm-{number}" for number in range(STORM_CLIENTS))]:
            new = {"organization": "acme", "login": login, "group": "admin", "password": PASSWORD}
            admin.post("users", new)
        status, self.cookie = Browser(gateway.port, PUBLIC_URL, "ada", PASSWORD).sign_in()
        if status != 303 or self.cookie is None:
            raise Failure(f"signing in was answered with {status}")
        gateway.stop()
        self.folder = gateway.folder

    def start(self, gateway):
        """Starts a gateway on a copy."""
        shutil.copytree(self.folder / "store", gateway.folder / "store")
        # The audit key is beside the secret key unless the settings say otherwise.
        for name in ("store.answered", "secret.key", "audit.key"):
            if (self.folder / name).exists():  # releases before the audit log have no audit key
                shutil.copy2(self.folder / name, gateway.folder / name)
        gateway.start()
        return gateway
