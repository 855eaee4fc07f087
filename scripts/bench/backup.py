"""Backup of a gateway that serves: how long it takes, and what requests and writes notice of it."""

import json
import shutil
import subprocess
import threading
import time
from statistics import median, quantiles

from client import Admin, Browser
from directory import filled
from gateways import HOST, PUBLIC_URL
from load import wrk
from people import PASSWORD
from processes import Failure, say
from turns import PATH

# Leaves room on the machine, so that waiting for a processor shows.
CONNECTIONS = 4
# Milliseconds between two writes.
PAUSE = 10


def backup(bench, policies, prepared, users, organizations, rounds, seconds):
    """Seconds of a backup, its size, and how long requests and writes take with and without one."""
    gateway, _ = filled(bench, "backup", policies, prepared, users, organizations)
    gateway.start()
    headers = {"Host": HOST, "Cookie": signed_in(gateway)}
    wrk(gateway.port, PATH, headers, 1, CONNECTIONS)
    quiet, loud, took, files = Times(), Times(), [], []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: without a backup, with one")
        with Writes(gateway, quiet):
            quiet.requests.append(wrk(gateway.port, PATH, headers, seconds, CONNECTIONS))
        with Writes(gateway, loud):
            run = Run(bench, gateway, number)
            # At least one turn; what is measured after the end of the backup would be too good.
            while run.is_alive() or not loud.requests:
                turn = wrk(gateway.port, PATH, headers, 1, CONNECTIONS)
                if run.is_alive() or not loud.requests:
                    loud.requests.append(turn)
            took.append(run.finish())
        files.append(run.file)
    found = {
        "users": users,
        "seconds": median(took),
        "runs_seconds": took,
        "mib": files[0].stat().st_size / 2**20,
        "quiet": quiet.summary(),
        "during": loud.summary(),
        "peak_mib": gateway.process.peak_memory(),
    }
    found["p99_ratio"] = found["during"]["p99_ms"] / found["quiet"]["p99_ms"]
    gateway.stop()
    found.update(restored(bench, policies, prepared, files[0]))
    for file in files:
        file.unlink()
    return found


class Times:
    """Turns of wrk, and milliseconds of writes."""

    def __init__(self):
        self.requests, self.writes = [], []

    def summary(self):
        """What a report says."""
        return {
            "p99_ms": median(turn["p99_ms"] for turn in self.requests),
            "per_second": median(turn["per_second"] for turn in self.requests),
            "write_median_ms": median(self.writes),
            "write_p99_ms": quantiles(self.writes, n=100)[98],
            "write_max_ms": max(self.writes),
            "writes": len(self.writes),
        }


class Writes:
    """Writes one record again and again while it is entered."""

    def __init__(self, gateway, times):
        self.admin, self.times = Admin(gateway.socket), times
        self.stop, self.failure = threading.Event(), None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        """Until it is left."""
        try:
            while not self.stop.wait(PAUSE / 1000):
                began = time.perf_counter()
                self.admin.patch("groups/limited", {"name": f"Limited {time.monotonic_ns()}"})
                self.times.writes.append((time.perf_counter() - began) * 1000)
        except Exception as failure:  # raised where it is left
            self.failure = failure

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        if self.failure:
            raise self.failure


class Run:
    """The command `portcullis backup`."""

    def __init__(self, bench, gateway, number):
        self.file = gateway.folder / f"{number}.backup"
        self.file.unlink(missing_ok=True)
        command = [bench.binary, "--socket", gateway.socket, "--json", "backup", self.file]
        self.thread = threading.Thread(target=self.run, args=(command,))
        self.failure = self.seconds = None
        self.thread.start()

    def run(self, command):
        """Runs it to its end."""
        began = time.monotonic()
        run = subprocess.run(command, capture_output=True, text=True)
        self.seconds = time.monotonic() - began
        if run.returncode != 0:
            self.failure = run.stderr

    def is_alive(self):
        """Whether it runs."""
        return self.thread.is_alive()

    def finish(self):
        """How long it took."""
        self.thread.join()
        if self.failure:
            raise Failure(f"the backup failed: {self.failure}")
        return self.seconds


def signed_in(gateway):
    """The cookie of a new portal user."""
    admin, number = Admin(gateway.socket), time.time_ns()
    organization = f"bench-{number}"
    admin.post("organizations", {"id": organization, "name": organization})
    user = {"organization": organization, "login": organization, "group": "admin"}
    admin.post("users", {**user, "password": PASSWORD})
    status, cookie = Browser(gateway.port, PUBLIC_URL, organization, PASSWORD).sign_in()
    if status != 303 or cookie is None:
        raise Failure(f"signing in was answered with {status}")
    return cookie


def restored(bench, policies, prepared, file):
    """Seconds to verify a file and to restore it, and the milliseconds of the start after that."""
    gateway = bench.portcullis("restored", policies)
    shutil.rmtree(gateway.folder / "store", ignore_errors=True)
    for name in ("secret.key", "audit.key"):
        shutil.copy2(prepared / name, gateway.folder / name)
    found = {}
    for name, command in (("verify", ["backup", "--verify"]), ("restore", ["restore"])):
        began = time.monotonic()
        run = [bench.binary, "--config", gateway.settings, "--json", *command, file]
        records = json.loads(subprocess.run(run, stdout=subprocess.PIPE, check=True).stdout)
        found[f"{name}_seconds"] = time.monotonic() - began
    found["records"] = sum(records["records"].values())
    found["start_after_restore_ms"] = gateway.start()
    gateway.stop()
    shutil.rmtree(gateway.folder / "store")
    return found
