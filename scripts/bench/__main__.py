"""Measures Portcullis and the usual gateways in turn, on this machine: `python3 scripts/bench`.

docs/performance.md tells what is measured and how. The report goes to standard output and, with
all single figures, to target/bench/results.md and results.json.
"""

import argparse
import functools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import report
from abuse import abuse
from backup import backup
from capacity import sessions, startup
from connections import connections
from decision import decision
from directory import directory
from forward_auth import forward_auth
from gateways import Bench
from imports import imports
from jobs import jobs
from people import Seed
from processes import Failure, say, stop_all
from protocols import protocols
from readme import write_readme
from reloads import reloads
from storm import storm
from turns import gateways
from verification import verification

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "decision", "gateways", "storm", "sessions", "startup", "abuse", "directory", "backup", "audit",
    "jobs", "import", "forward-auth", "protocols", "connections", "reloads",
)


def options():
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each gateway (5)")
    parser.add_argument("--seconds", type=int, default=3, help="of load in each turn (3)")
    parser.add_argument("--sessions", type=int, default=100_000, help="live sessions (100000)")
    parser.add_argument("--users", type=int, default=100_000, help="portal users (100000)")
    parser.add_argument("--starts", type=int, default=7, help="starts that are timed (7)")
    parser.add_argument("--workers", type=int, default=2, help="workers of each gateway (2)")
    parser.add_argument("--organizations", type=int, default=10_000, help="of `jobs` (10000)")
    parser.add_argument("--people", type=int, default=1_000_000, help="of `directory` and `backup` (1000000)")
    parser.add_argument(
        "--prepared", type=Path, help="a folder for the store of `directory` and `backup`, kept"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/portcullis")
    parser.add_argument(
        "--readme", action="store_true",
        help="measure nothing; write the table of the last `protocols` into README.md",
    )  # fmt: skip
    chosen = parser.parse_args()
    chosen.parts = chosen.parts.split(",")
    unknown = set(chosen.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    if not chosen.readme and not chosen.binary.is_file():
        parser.error(f"{chosen.binary} is not there; `make bench` builds it")
    chosen.binary = chosen.binary.resolve()
    return chosen


def run(chosen, folder, sockets):
    """The chosen parts, one after the other; one that fails leaves the others' figures alone."""
    policies = ROOT / "policies"
    rounds, seconds = chosen.rounds, chosen.seconds
    prepared = (chosen.prepared or folder / "prepared").resolve()
    prepared.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, chosen.binary, chosen.workers, sockets, ROOT / "config/examples")
    seed = functools.cache(lambda: Seed(bench, policies))
    measured = {
        "decision": lambda: decision(ROOT),
        "gateways": lambda: gateways(bench, policies, seed(), rounds, seconds),
        "storm": lambda: storm(bench, policies, seed(), min(rounds, 3), seconds),
        "sessions": lambda: sessions(bench, policies, chosen.sessions),
        "startup": lambda: startup(bench, policies, chosen.users, chosen.starts),
        "abuse": lambda: abuse(bench, policies, seed()),
        "directory": lambda: directory(
            bench, policies, prepared, chosen.people, chosen.people // 10
        ),
        "backup": lambda: backup(
            bench, policies, prepared, chosen.people, chosen.people // 10, rounds, seconds
        ),
        "audit": lambda: verification(ROOT),
        "jobs": lambda: jobs(bench, policies, chosen.organizations),
        "import": lambda: imports(bench, policies, chosen.users),
        "forward-auth": lambda: forward_auth(bench, policies, seed(), rounds, seconds),
        "protocols": lambda: protocols(bench, policies, seed(), rounds, seconds),
        "connections": lambda: connections(bench, policies, seed(), rounds),
        "reloads": lambda: reloads(bench, policies, seed()),
    }
    results = {
        "machine": report.machine(ROOT, chosen.binary),
        "options": {key: str(value) for key, value in vars(chosen).items()},
        "failures": {},
    }
    for part in PARTS:
        if part not in chosen.parts:
            continue
        say(part)
        try:
            results[part] = measured[part]()
        except Exception as failure:
            say(f"{part} failed:\n{traceback.format_exc()}")
            results["failures"][part] = str(failure)
    return results


def main():
    """Runs it all, and leaves no process behind."""
    chosen = options()
    # A request to stop is an ordinary end, so that everything started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    output = ROOT / "target/bench"
    if chosen.readme:
        try:
            write_readme(ROOT / "README.md", output / "results.json")
        except Failure as failure:
            sys.exit(f"bench: {failure}")
        return
    folder = output / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sockets = Path(tempfile.mkdtemp(prefix="bench-"))
    began = time.monotonic()
    try:
        results = run(chosen, folder, sockets)
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit("bench: stopped")
    finally:
        stop_all()
        shutil.rmtree(sockets, ignore_errors=True)
    results["seconds"] = round(time.monotonic() - began)
    text = report.markdown(results)
    (output / "results.md").write_text(text)
    (output / "results.json").write_text(json.dumps(results, indent=1))
    print(text)
    say(f"done in {results['seconds']} s; {os.path.relpath(output / 'results.md')}")
    if results["failures"]:
        sys.exit(f"bench: not all could be measured; what the programs said is in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
