"""Load on a gateway: one wrk thread, 64 connections, and what it cost whom."""

import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

from processes import Failure, machine_busy_seconds

SCRIPT = Path(__file__).parent / "templates" / "wrk.lua"
CONNECTIONS = 64
# What is gathered for 200 ms is in the file by then.
LOGS_WITHIN = 0.5


def command(port, path, headers, seconds, connections=CONNECTIONS, method="GET", pause_ms=0):
    """The command line of wrk; each connection pauses after an answer."""
    line = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT)]
    for name, value in headers.items():
        line += ["-H", f"{name}: {value}"]
    return [*line, f"http://127.0.0.1:{port}{path}", "--", method, str(pause_ms)]


def wrk(port, path, headers, seconds, connections=CONNECTIONS, method="GET", pause_ms=0):
    """Runs wrk; refused or broken requests are a failure, not a figure."""
    run = subprocess.Popen(
        command(port, path, headers, seconds, connections, method, pause_ms),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output = run.stdout.read()
        _, status, used = os.wait4(run.pid, 0)
    except BaseException:
        run.kill()
        raise
    run.returncode = os.waitstatus_to_exitcode(status)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if run.returncode != 0 or len(lines) != 1:
        raise Failure(f"wrk failed:\n{output}")
    told = json.loads(lines[0])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise Failure(f"not all requests were answered: {told}")
    return {
        "requests": told["requests"],
        "per_second": told["requests"] / (told["microseconds"] / 1e6),
        "p50_ms": told["p50"] / 1000,
        "p99_ms": told["p99"] / 1000,
        "max_ms": told["max"] / 1000,
        "processor_seconds": used.ru_utime + used.ru_stime,
    }


class Counted:
    """A server that tells how many requests it has had (nginx's stub_status)."""

    def __init__(self, process, port):
        self.process = process
        self.port = port

    def requests(self):
        """How many so far; asking counts too."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            text = answer.read().decode()
        return int(re.search(r"\n +\d+ +\d+ +(\d+)", text).group(1))


def measure(gateway, portal, path, headers, seconds, method="GET"):
    """One turn of a gateway: figures of wrk, and processor time per request of each process."""
    wrk(gateway.port, path, headers, 1, method=method)  # code paths warm, connections to the portal made
    time.sleep(LOGS_WITHIN)
    gateway.process.forget_logs()
    asked = gateway.asked
    arrived, checked = portal.requests(), asked and asked.requests()
    before = (gateway.process.processor_seconds(), asked and asked.process.processor_seconds())
    others = portal.process.processor_seconds()
    machine, began = machine_busy_seconds(), time.monotonic()

    told = wrk(gateway.port, path, headers, seconds, method=method)

    took, machine = time.monotonic() - began, machine_busy_seconds() - machine
    own = gateway.process.processor_seconds() - before[0]
    second = asked.process.processor_seconds() - before[1] if asked else 0.0
    others = portal.process.processor_seconds() - others
    require_all(told["requests"], portal.requests() - arrived, "the portal", gateway)
    if checked is not None:
        require_all(told["requests"], asked.requests() - checked, "the server that is asked", gateway)
    time.sleep(LOGS_WITHIN)
    lines = gateway.process.logged_lines()
    if gateway.logs:
        # HAProxy's log is datagrams, of which a busy machine may drop some.
        require_all(told["requests"], lines, "the log", gateway, lost=0.001)
    elif lines:
        raise Failure(f"{gateway.name} has logged {lines} lines")
    foreign = machine - own - second - others - told.pop("processor_seconds")
    return {
        **told,
        "gateway_us": own * 1e6 / told["requests"],
        "noop_us": second * 1e6 / told["requests"],
        "total_us": (own + second) * 1e6 / told["requests"],
        "foreign_load": max(0.0, foreign) / (took * os.cpu_count()),
    }


def require_all(sent, arrived, where, gateway, lost=0.0):
    """Every measured request must have come through: a gateway that answers itself is no gateway."""
    # What was under way when wrk stopped is done too; the portal's count itself asks twice.
    if not sent * (1 - lost) <= arrived <= sent + 2 * CONNECTIONS + 4:
        raise Failure(f"{gateway.name}: {sent} requests, but {arrived} came to {where}")
