"""The admin UI before many organizations and portal users: each page, signed in as an owner."""

import base64
import hashlib
import hmac
import http.client
import json
import random
import struct
import time
from statistics import median, quantiles

from processes import Failure

# How often each page is opened.
TIMES = 40
LOGIN = "bench"
PASSWORD = "Correct-Horse-7-Battery"


def admin_pages(gateway, admin, login, users, organizations):
    """Milliseconds of each page, with other records each time; `login` names a portal user."""
    browser = SignedIn(gateway.admin, admin)
    pick = random.Random(2)
    organization = lambda: f"/organizations/org-{pick.randrange(organizations)}"  # noqa: E731
    user = lambda: admin.get(f"users?login={login(pick.randrange(users))}")["items"][0]["id"]  # noqa: E731
    pages = {
        "overview": lambda: "/",
        "organizations": lambda: "/organizations",
        "organizations, a search": lambda: f"/organizations?search={pick.choice('abcdefgmnop')}",
        "an organization": organization,
        "its end users": lambda: f"{organization()}/end-users",
        "portal users": lambda: "/users",
        "portal users, a search": lambda: f"/users?search={login(pick.randrange(users))[:6]}",
        "portal users of a group": lambda: "/users?group=limited",
        "a portal user": lambda: f"/users/{user()}",
        "what a portal user reaches": lambda: f"/routes?user={user()}",
        "explain": lambda: f"/explain?who=user&user={login(pick.randrange(users))}&method=GET&target=%2F",
    }
    for path in (
        "groups", "groups/limited", "groups/compare", "bulk", "import", "routes", "sessions",
        "lockouts", "mail", "jobs", "audit", "preferences", "administrators", "tokens", "account",
    ):  # fmt: skip
        pages[path] = lambda path=path: f"/{path}"
    return {name: browser.timed(path) for name, path in pages.items()}


class SignedIn:
    """A browser in which an owner has signed in."""

    def __init__(self, port, admin):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        name = f"{LOGIN}-{time.time():.0f}"
        new = {"login": name, "role": "owner", "password": PASSWORD}
        secret = admin.post("administrators", new)["second_factor"]["secret"].replace(" ", "")
        body = json.dumps({"login": name, "password": PASSWORD, "code": code(secret, time.time())})
        self.connection.request(
            "POST", "/api/v1/session", body, {"Content-Type": "application/json"}
        )
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise Failure(f"signing in as an administrator: {answer.status}")
        self.cookie = answer.getheader("Set-Cookie").partition(";")[0]

    def timed(self, path):
        """The times of pages whose addresses `path` makes."""
        times = []
        for _ in range(TIMES):
            address = path()
            began = time.perf_counter()
            self.connection.request("GET", address, headers={"Cookie": self.cookie})
            answer = self.connection.getresponse()
            answer.read()
            times.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise Failure(f"{address}: {answer.status}")
        return {"median_ms": median(times), "p99_ms": quantiles(times, n=100)[98]}


def code(secret, now):
    """The code of an authenticator app (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", int(now) // 30), hashlib.sha1)
    start = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"
