"""The verification of an exported audit log, by the benchmark crates/audit/benches/verify.rs."""

import re
import subprocess
from statistics import median

from processes import Failure


def verification(root):
    """Seconds to verify 1,000,000 entries: the median of three times."""
    run = subprocess.run(
        ["cargo", "bench", "--locked", "-p", "portcullis-audit", "--bench", "verify"],
        cwd=root, stdout=subprocess.PIPE, text=True, check=True,
    )
    seconds = [float(found) for found in re.findall(r"1000000 entries verified in ([\d.]+) s", run.stdout)]
    if not seconds:
        raise Failure(f"nothing to read in:\n{run.stdout}")
    return {"verify_seconds": median(seconds)}
