"""Every gateway in turn, several rounds."""

import time
from statistics import median

from gateways import HOST, thousand_routes
from load import measure, wrk
from processes import say

PATH = "/tickets"
# Logs as each program writes them when nothing else is said, and none at all.
LOGS = {"logs": "each", "no logs": "none"}
# What is asked, with logs, by POST instead of GET.
POST = "logs, POST of 80 bytes"
PLAIN = "nginx"
AUTH_REQUEST = "nginx + auth_request to a no-op"


def gateways(bench, policies, seed, rounds, seconds):
    """Processor time, speed and memory of each; each ratio is one of the same round."""
    headers = {"Host": HOST, "Cookie": seed.cookie}
    started = start_all(bench, policies, seed)
    time.sleep(2)
    rows = [
        {"logs": logs, "name": name, "idle": gateway.process.memory(), "runs": []}
        for logs, name, gateway in started
    ]
    turns = [(row, gateway) for row, (_, _, gateway) in zip(rows, started)]
    for number in range(rounds):
        # Another one begins each round, so that none is always first or always last.
        first = number * 5 % len(turns)
        for row, gateway in turns[first:] + turns[:first]:
            method = "POST" if row["logs"] == POST else "GET"
            told = measure(
                gateway,
                bench.portal,
                lambda seconds: wrk(gateway.port, PATH, headers, seconds, method=method),
                seconds,
            )
            row["runs"].append(told)
            say(
                f"round {number + 1}/{rounds}: {row['name']}, {row['logs']}: "
                f"{told['total_us']:.1f} µs, {told['per_second']:.0f}/s"
            )
    for row, gateway in turns:
        row["after"] = gateway.process.memory()
        gateway.process.stop()
    compare(rows)
    return {"rows": rows}


def start_all(bench, policies, seed):
    """All of them, with and without logs."""
    many = thousand_routes(policies, bench.root / "policies-1000")
    started = []
    for label, logs in LOGS.items():
        ours = bench.portcullis(f"portcullis-{logs}", policies, logs)
        started += [
            (label, PLAIN, bench.nginx(logs)),
            (label, AUTH_REQUEST, bench.nginx_auth(logs)),
            (label, "HAProxy", bench.haproxy(logs)),
            (label, "Caddy + forward_auth to a no-op", bench.caddy(logs)),
            (label, "Portcullis", seed.start(ours)),
        ]
    ours = bench.portcullis("portcullis-1000", many)
    started += [
        ("logs", "Portcullis, 1,000 routes", seed.start(ours)),
        ("logs", "nginx, log gathered for 200 ms", bench.nginx("gathered")),
    ]
    post = bench.portcullis("portcullis-post", policies)
    reuse = bench.portcullis("portcullis-post-reuse", policies, reuse_after_body="true")
    started += [
        (POST, PLAIN, bench.nginx("each", "nginx-post")),
        (POST, AUTH_REQUEST, bench.nginx_auth("each", "nginx-auth-post")),
        (POST, "Portcullis", seed.start(post)),
        (POST, "Portcullis, reuse_after_body", seed.start(reuse)),
    ]
    return started


def compare(rows):
    """Adds to each run what it is to the others' of its round, and to each row the medians."""
    by_name = {(row["name"], row["logs"]): row["runs"] for row in rows}
    for row in rows:
        plain = by_name[PLAIN, row["logs"]]
        checked = by_name[AUTH_REQUEST, row["logs"]]
        for run, base, auth in zip(row["runs"], plain, checked):
            run["to_nginx"] = run["total_us"] / base["total_us"]
            run["to_auth_request"] = run["total_us"] / auth["total_us"]
            run["to_auth_request_without_noop"] = run["total_us"] / auth["gateway_us"]
        row["median"] = {key: median(run[key] for run in row["runs"]) for key in row["runs"][0]}
