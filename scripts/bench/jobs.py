"""Bulk changes (R43): how long a job over many organizations takes, and what others notice of it."""

import time
from statistics import median

from client import Admin, bulk
from processes import Failure, say

LOOK = 0.1


def jobs(bench, policies, organizations):
    """Seconds to enable, to enable again and to disable a person of each organization."""
    gateway = bench.portcullis("jobs", policies)
    gateway.start()
    say(f"making {organizations:,} organizations")
    bulk(gateway.socket, (organization(number) for number in range(organizations)), 128, 201)
    admin = Admin(gateway.socket)
    found = {"organizations": organizations, "idle_write_ms": median(writes(admin, 20))}
    expected = {"enable": "created", "enable again": "unchanged", "disable": "updated"}
    for name, count in expected.items():
        seconds, job, others = run(admin, name.partition(" ")[0])
        if job["state"] != "done" or job["counts"][count] != organizations:
            raise Failure(f"{name}: {job}")
        found[name] = {"seconds": seconds, "write_ms": median(others) if others else None}
    started = time.monotonic()
    tried = admin.ask_dry_run("bulk", request("enable"))
    found["dry_run_seconds"] = time.monotonic() - started
    found["dry_run"] = tried["changes"]["access"]
    found["peak_mib"] = gateway.process.peak_memory()
    gateway.stop()
    return found


def request(action):
    """A bulk change of every organization."""
    return {"apply_to": "organizations", "organizations": "all", "action": action}


def run(admin, action):
    """Queues a job and waits for its end: seconds, the job, and milliseconds of other writes."""
    started = time.monotonic()
    job = admin.post("bulk", request(action))
    others = []
    while job["state"] in ("queued", "running"):
        others += writes(admin, 1)
        time.sleep(LOOK)
        job = admin.get(f"jobs/{job['id']}")
    return time.monotonic() - started, job, others


def writes(admin, times):
    """Milliseconds of writes of another record, one after the other."""
    took = []
    for _ in range(times):
        name = f"Limited {time.monotonic_ns()}"
        started = time.monotonic()
        admin.patch("groups/limited", {"name": name})
        took.append((time.monotonic() - started) * 1000)
    return took


def organization(number):
    """The request that makes an organization with an address."""
    body = f'{{"id":"org-{number}","name":"Org {number}","email":"office@org-{number}.example"}}'
    return (
        f"POST /api/v1/organizations HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
