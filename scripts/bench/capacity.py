"""What many records cost: live sessions in memory, portal users at the start."""

import os
import random
import time
from statistics import median

from client import Admin, bulk, session_cookie
from gateways import HOST
from load import wrk
from processes import Failure, say


def sessions(bench, policies, count):
    """Memory with so many live sessions: opened by a secure link, and each used once."""
    gateway = bench.portcullis("sessions", policies)
    gateway.start()
    admin = Admin(gateway.socket)
    admin.post("organizations", {"id": "globex", "name": "Globex GmbH"})
    path = "/.portcullis/link/" + admin.get("organizations/globex/link")["url"].rpartition("/")[2]
    time.sleep(2)
    before = gateway.process.memory()
    cookies = []

    def keep(head):
        lines = [
            line.partition(":")[2].strip()
            for line in head.decode().split("\r\n")
            if line.lower().startswith("set-cookie:")
        ]
        cookies.append(session_cookie(lines))

    say(f"opening {count} sessions by a secure link")
    opening = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    open_seconds = bulk(gateway.port, (opening for _ in range(count)), 128, 303, keep)
    if len(set(cookies)) != count or None in cookies:
        raise Failure(f"{len(set(cookies))} different sessions instead of {count}")
    opened = gateway.process.memory()
    use = (f"GET / HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\n\r\n".encode() for cookie in cookies)
    use_seconds = bulk(gateway.port, use, 64, 200)
    time.sleep(2)
    live = gateway.process.memory()
    load = wrk(gateway.port, "/", {"Host": HOST, "Cookie": random.choice(cookies)}, 2)
    gateway.stop()
    return {
        "count": count,
        "before": before,
        "opened": opened,
        "live": live,
        "open_per_second": count / open_seconds,
        "use_per_second": count / use_seconds,
        "p99_ms_afterwards": load["p99_ms"],
        "store_mib": folder_size(gateway.folder / "store"),
    }


def startup(bench, policies, count, runs):
    """From the start of the program to its first answer, with so many portal users on file."""
    gateway = bench.portcullis("users", policies)
    empty = gateway.start()
    admin = Admin(gateway.socket)
    organizations = 100
    for number in range(organizations):
        admin.post("organizations", {"id": f"org-{number}", "name": f"Organization {number}"})
    say(f"making {count} portal users")

    def requests():
        for number in range(count):
            body = (
                f'{{"organization":"org-{number % organizations}",'
                f'"login":"person-{number}@example.com","group":"limited"}}'
            )
            yield (
                "POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()

    took = bulk(gateway.socket, requests(), 128, 201)
    stops, starts, idle = [gateway.stop()], [], None
    for number in range(runs):
        starts.append(gateway.start())
        if number == 0:
            time.sleep(2)
            idle = gateway.process.memory()
            last = Admin(gateway.socket).get(f"users?login=person-{count - 1}@example.com")
            if len(last["items"]) != 1:
                raise Failure("the last portal user is not there after the restart")
        stops.append(gateway.stop())
    gateway.start()
    gateway.process.kill()
    after_kill = gateway.start()
    gateway.stop()
    return {
        "users": count,
        "create_seconds": took,
        "empty_ms": empty,
        "median_ms": median(starts),
        "runs_ms": starts,
        "after_kill_ms": after_kill,
        "stop_seconds": median(stops),
        "idle": idle,
        "store_mib": folder_size(gateway.folder / "store"),
    }


def folder_size(folder):
    """What a folder takes on disk, in MiB."""
    blocks = (
        os.stat(os.path.join(place, name)).st_blocks
        for place, _, names in os.walk(folder)
        for name in names
    )
    return sum(blocks) * 512 / 1024 / 1024
