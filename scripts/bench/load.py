"""Load on a gateway by wrk or h2load, 64 requests at a time from one thread, and its costs."""

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
# Of a connection of HTTP/2; so many times fewer connections are opened.
STREAMS = 4
# What clients offer for TLS 1.3, so that every gateway does the same work.
SUITE, GROUP = "TLS_AES_128_GCM_SHA256", "X25519"
# What is gathered for 200 ms is in the file by then.
LOGS_WITHIN = 0.5


def command(
    port, path, headers, seconds, connections=CONNECTIONS, method="GET", pause_ms=0, scheme="http"
):
    """The command line of wrk; each connection pauses after an answer."""
    line = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT)]
    for name, value in headers.items():
        line += ["-H", f"{name}: {value}"]
    return [*line, f"{scheme}://127.0.0.1:{port}{path}", "--", method, str(pause_ms)]


def wrk(port, path, headers, seconds, connections=CONNECTIONS, environment=None, **options):
    """Runs wrk; refused or broken requests are a failure, not a figure."""
    line = command(port, path, headers, seconds, connections, **options)
    output, used = finished(line, environment)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if len(lines) != 1:
        raise Failure(f"wrk failed:\n{output}")
    told = json.loads(lines[0])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise Failure(f"not all requests were answered: {told}")
    return {
        "requests": told["requests"],
        "bytes": told["bytes"],
        "per_second": told["requests"] / (told["microseconds"] / 1e6),
        "p50_ms": told["p50"] / 1000,
        "p99_ms": told["p99"] / 1000,
        "max_ms": told["max"] / 1000,
        "processor_seconds": used,
    }


def h2load(port, path, headers, seconds, environment=None, rate=None):
    """Runs h2load, which speaks HTTP/2 over TLS; refused or broken requests are a failure.

    `rate` is how many requests a second each connection sends; by default as many as are answered.
    """
    clients = CONNECTIONS // STREAMS
    line = ["h2load", "-t1", f"-c{clients}", f"-m{STREAMS}", f"-D{seconds}"]
    line += [f"--connect-to=127.0.0.1:{port}", "--npn-list=h2"]
    line += [f"--tls13-ciphers={SUITE}", f"--groups={GROUP}"]
    if rate:
        line.append(f"--rps={rate}")
    for name, value in headers.items():
        if name != "Host":
            line += ["-H", f"{name}: {value}"]
    output, used = finished([*line, f"https://{headers['Host']}{path}"], environment)
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", output)
    status = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", output)
    longest = re.search(r"time for request: +\S+ +([\d.]+)(us|ms|s) ", output)
    length = re.search(r"traffic: .*?\((\d+)\) data", output)
    if not (counts and status and longest and length) or "Application protocol: h2" not in output:
        raise Failure(f"h2load failed:\n{output}")
    done, succeeded, failed, errored = map(int, counts.groups())
    # Answers that have only begun at the end have a status too.
    if failed or errored or not done or done != succeeded or int(status.group(1)) < done:
        raise Failure(f"not all requests were answered:\n{output}")
    return {
        "requests": done,
        "bytes": int(length.group(1)),
        "per_second": done / seconds,
        "max_ms": float(longest.group(1)) * {"us": 1e-3, "ms": 1, "s": 1e3}[longest.group(2)],
        "processor_seconds": used,
    }


def finished(line, environment):
    """Runs a program to its end; its output, and its processor time in seconds."""
    run = subprocess.Popen(
        line,
        env={**os.environ, **(environment or {})},
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
    if run.returncode != 0:
        raise Failure(f"{line[0]} failed:\n{output}")
    return output, used.ru_utime + used.ru_stime


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


def measure(gateway, portal, load, seconds, warm_up=1):
    """One turn of a gateway: figures of the load, and processor time per request of each process.

    `load` sends requests for a number of seconds and returns figures as `wrk` does. It runs first
    for `warm_up` seconds, so that code is in the caches and connections to the portal are made.
    """
    if warm_up:
        load(warm_up)
    if gateway.logs:
        time.sleep(LOGS_WITHIN)
    gateway.process.forget_logs()
    asked = gateway.asked
    arrived, checked = portal.requests(), asked and asked.requests()
    before = (gateway.process.processor_seconds(), asked and asked.process.processor_seconds())
    others = portal.process.processor_seconds()
    machine, began = machine_busy_seconds(), time.monotonic()

    told = load(seconds)

    took, machine = time.monotonic() - began, machine_busy_seconds() - machine
    own = gateway.process.processor_seconds() - before[0]
    second = asked.process.processor_seconds() - before[1] if asked else 0.0
    others = portal.process.processor_seconds() - others
    require_all(told["requests"], portal.requests() - arrived, "the portal", gateway)
    if checked is not None:
        require_all(told["requests"], asked.requests() - checked, "the server that is asked", gateway)
    if gateway.logs:
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
    # What was under way when the load stopped is done too; the portal's count itself asks twice.
    if not sent * (1 - lost) <= arrived <= sent + 2 * CONNECTIONS + 4:
        raise Failure(f"{gateway.name}: {sent} requests, but {arrived} came to {where}")
