"""The table of README.md, from the figures of the last run."""

import json
import re

from processes import Failure
from protocols import builds, processor_table

BEGIN, END = "<!-- protocols: python3 scripts/bench --readme -->", "<!-- end of protocols -->"


def write_readme(readme, results):
    """Replaces what is between the two comments of README.md by the figures in `results.json`."""
    found = json.loads(results.read_text()) if results.exists() else {}
    if "protocols" not in found:
        raise Failure(f"{results} has no figures of `protocols`; measure them first")
    machine, options = found["machine"], found["options"]
    lines = [
        "## What a request costs",
        "",
        "Every request through Portcullis is authorized; the other proxies authorize nothing. No proxy "
        "writes logs. [How it is measured](docs/performance.md#how-it-is-measured).",
        "",
        *processor_table(found["protocols"]),
        "",
        *builds(found["protocols"]),
        "",
        f"Measured on {machine['date'].partition(' ')[0]} at {machine['commit']}, with "
        f"{machine['processor']}, {options['workers']} workers of each proxy, and "
        f"{options['rounds']} rounds of {options['seconds']} s.",
    ]
    text = "\n".join(["", "", *lines, "", ""])
    before = readme.read_text()
    after, count = re.subn(
        f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", lambda _: text, before, flags=re.DOTALL
    )
    if count != 1:
        raise Failure(f"{readme} must have `{BEGIN}` and `{END}` once")
    readme.write_text(after)
