"""Many organizations and portal users: lists, searches and a group edit over the admin API.

What a client sees is measured: each request over one kept connection to the admin listener, from
before it is sent until the answer has been read.
"""

import random
import time
from statistics import median, quantiles
from urllib.parse import quote

from capacity import folder_size
from client import Admin, TokenClient, bulk
from gateways import HOST
from pages import admin_pages
from processes import Failure, say

# Requests of each kind that are timed.
TIMES = 300
SESSIONS = 10_000
PAGE = 100
RARE = 100
FIRST = "Ada Ben Cleo Dara Emil Fay Gus Hana Ivo Jill Kofi Lena Milo Nora Omar Pia Quin Rosa Sam Tia".split()
LAST = "Abel Bauer Cohen Diaz Evans Fischer Garcia Haas Ito Jansen Kaya Lopez Meyer Novak Okoye Petrov".split()


def directory(bench, policies, prepared, users, organizations):
    """The figures with so many users, on the store in `prepared`; filled first if it is empty."""
    gateway, took = filled(bench, "directory", policies, prepared, users, organizations)
    found = {"users": users, "organizations": organizations, "fill_seconds": took}
    found["first_start_ms"] = gateway.start()
    gateway.stop()
    starts = []
    for _ in range(3):
        starts.append(gateway.start())
        gateway.stop()
    found["start_ms"] = median(starts)
    gateway.start()
    gateway.process.kill()
    found["start_after_kill_ms"] = gateway.start()
    gateway.stop()
    gateway.start()
    time.sleep(2)
    admin = Admin(gateway.socket)
    token = admin.post("tokens", {"name": f"bench {time.time():.0f}", "role": "owner"})["token"]
    client = TokenClient(gateway.admin, token)
    found["memory"] = {"after the start": gateway.process.memory()["rss"]}
    found["answers"] = answers(client, users, organizations)
    found["pages"] = admin_pages(gateway, admin, login, users, organizations)
    found["memory"]["after the searches"] = gateway.process.memory()["rss"]
    found["paging_seconds"] = page_through(client, {"users": users, "organizations": organizations})
    found["memory"]["after paging through everything"] = gateway.process.memory()["rss"]
    open_sessions(gateway, admin)
    found["memory"][f"with {SESSIONS:,} sessions"] = gateway.process.memory()["rss"]
    found["answers"]["a group edit with 10,000 live sessions in it"] = group_edits(client)
    found["peak_mib"] = gateway.process.peak_memory()
    found["store_mib"] = folder_size(prepared / "store")
    gateway.stop()
    return found


def filled(bench, name, policies, prepared, users, organizations):
    """A gateway on the store in `prepared`, and the seconds that filling it took, if it was empty."""
    gateway = bench.portcullis(name, policies, data=prepared)
    took = None
    if not (prepared / "store").exists():
        gateway.start()
        took = fill(gateway, users, organizations)
        gateway.stop()
        (prepared / "filled").touch()
    if not (prepared / "filled").exists():
        raise Failure(f"filling {prepared} was interrupted; remove it")
    return gateway, took


def login(number):
    """The login of a portal user: names that many share, and a number."""
    mixed = random.Random(number)
    return f"{mixed.choice(FIRST)}.{mixed.choice(LAST)}.{number}@example.com".lower()


def fill(gateway, users, organizations):
    """Makes the organizations and the users through the admin socket; how long it took."""
    say(f"making {organizations:,} organizations and {users:,} portal users")

    def organization(number):
        return "organizations", f'{{"id":"org-{number}","name":"{LAST[number % 16]} {number} Ltd"}}'

    def user(number):
        first, last, _ = login(number).split(".", 2)
        status = ',"invite":true' if number % (users // RARE) == 0 else ""
        group = "admin" if number % 10 == 0 else "limited"
        return "users", (
            f'{{"organization":"org-{number % organizations}","login":"{login(number)}",'
            f'"name":"{first.title()} {last.title()}","group":"{group}"{status}}}'
        )

    def requests(record, count):
        for number in range(count):
            path, body = record(number)
            yield (
                f"POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()

    took = bulk(gateway.socket, requests(organization, organizations), 128, 201)
    took += bulk(gateway.socket, requests(user, users), 128, 201)
    admin = Admin(gateway.socket)
    for number in range(1, users, users // RARE):
        found = admin.get(f"users?login={login(number)}")["items"][0]
        admin.patch(f"users/{found['id']}", {"disabled": True})
    return took


def answers(client, users, organizations):
    """Milliseconds of each kind of request, with different values each time."""
    pick = random.Random(1)
    some_user = lambda: pick.randrange(users)  # noqa: E731
    some_organization = lambda: f"org-{pick.randrange(organizations)}"  # noqa: E731
    found = {
        "a list page, users": pages(client, "users?"),
        "a list page, organizations": pages(client, "organizations?"),
        "a list page, users of a group": pages(client, "users?group=limited&"),
        "one user by login": timed(client, lambda: f"users?login={login(some_user())}", 1),
        "a search by login prefix": timed(
            client, lambda: f"users?search={login(some_user())[: pick.randrange(1, 16)]}", 1
        ),
    }
    kinds = {
        "the users of an organization": lambda: f"users?organization={some_organization()}",
        "a search in an organization": lambda: (
            f"users?organization={some_organization()}&search={pick.choice(FIRST).lower()}"
        ),
        "a search in a group": lambda: (
            f"users?group=limited&search={pick.choice(FIRST).lower()}.{pick.choice('abcdefghij')}"
        ),
        "invited users": lambda: "users?status=invited",
        "disabled users": lambda: "users?disabled=true",
        "invited users of a group": lambda: "users?status=invited&group=limited",
        "a search of organizations by name": lambda: (
            f"organizations?search={quote(pick.choice(LAST))}%20{pick.randrange(1, organizations)}"
        ),
        "an organization": lambda: f"organizations/{some_organization()}",
        "the groups with their users counted": lambda: "groups",
    }
    for name, path in kinds.items():
        try:
            found[name] = timed(client, path)
        except Failure as failure:
            say(f"{name}: {failure}")
    return found


def timed(client, path, least=0):
    """The times of requests to paths that `path` makes."""
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = client.get(path())
        times.append((time.perf_counter() - began) * 1000)
        if "items" in answer and len(answer["items"]) < least:
            raise Failure("an answer holds fewer items than it should")
    return spread(times)


def pages(client, path):
    """The times of the first pages of a list."""
    times, after = [], ""
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = client.get(f"{path}limit={PAGE}{after}")
        times.append((time.perf_counter() - began) * 1000)
        if answer["next"] is None:
            break
        after = f"&after={answer['next']}"
    return spread(times)


def page_through(client, expected):
    """Seconds to read whole lists, 1,000 records a page."""
    took = {}
    for path, count in expected.items():
        began, after, seen = time.monotonic(), "", set()
        while after is not None:
            answer = client.get(f"{path}?limit=1000{after}")
            seen.update(item["id"] for item in answer["items"])
            after = f"&after={answer['next']}" if answer["next"] else None
        took[path] = time.monotonic() - began
        if len(seen) < count:
            raise Failure(f"{len(seen)} of {count} {path} are listed")
    return took


def open_sessions(gateway, admin):
    """Opens sessions by a secure link: all are in the group of those who have not signed in."""
    name = f"linked-{time.time():.0f}"
    admin.post("organizations", {"id": name, "name": "Globex GmbH"})
    path = "/.portcullis/link/" + admin.get(f"organizations/{name}/link")["url"].rpartition("/")[2]
    opening = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    bulk(gateway.port, (opening for _ in range(SESSIONS)), 64, 303)


def group_edits(client):
    """The times of edits that take a permission from the group of these sessions, or give it back."""
    times, held = [], client.get("groups/non-portal")["permissions"]
    for number in range(TIMES):
        permissions = held[1:] if number % 2 == 0 else held
        began = time.perf_counter()
        client.patch("groups/non-portal", {"permissions": permissions})
        times.append((time.perf_counter() - began) * 1000)
    return spread(times)


def spread(times):
    """What a report says about times."""
    return {"median_ms": median(times), "p99_ms": quantiles(times, n=100)[98], "times": len(times)}
