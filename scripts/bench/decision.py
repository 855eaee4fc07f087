"""The decision alone, by the microbenchmark in crates/policy/benches/decision.rs."""

import re
import subprocess

from processes import Failure


def decision(root):
    """The decision alone: nanoseconds by number of routes."""
    run = subprocess.run(
        ["cargo", "bench", "--locked", "-p", "portcullis-policy", "--bench", "decision"],
        cwd=root, stdout=subprocess.PIPE, text=True, check=True,
    )
    return decision_figures(run.stdout)


def decision_figures(text):
    """The medians of divan's table, by benchmark and argument."""
    units = {"ps": 1e-3, "ns": 1, "µs": 1e3, "us": 1e3, "ms": 1e6}
    figures, group = {}, ""
    for line in text.splitlines():
        found = re.match(r"[│ ]*[├╰]─ (.+?)(?:  |│)", line)
        if not found:
            continue
        columns = line.split("│")
        cell = re.fullmatch(r"\s*([\d.]+) (\S+)\s*", columns[-4]) if len(columns) >= 6 else None
        if cell is None:
            group = found.group(1).strip()
        else:
            nested = line.startswith(("│", " "))
            name = f"{group} {found.group(1).strip()}" if nested else found.group(1).strip()
            figures[name] = float(cell.group(1)) * units[cell.group(2)]
    if not figures:
        raise Failure(f"nothing to read in divan's table:\n{text}")
    return figures
