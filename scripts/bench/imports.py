"""The import of a CSV file of portal users who are all invited, by the command line."""

import json
import subprocess
import time

from client import Admin
from processes import Failure, say

ORGANIZATIONS = 100


def imports(bench, policies, users):
    """Seconds to import a file with so many users, and to import it again."""
    gateway = bench.portcullis("import", policies)
    gateway.start()
    admin = Admin(gateway.socket)
    for number in range(ORGANIZATIONS):
        admin.post("organizations", {"id": f"org-{number}", "name": f"Customer {number}"})
    file = gateway.folder / "people.csv"
    with file.open("w", encoding="utf-8") as rows:
        rows.write("organization;login;name;group\r\n")
        for number in range(users):
            organization = number % ORGANIZATIONS
            rows.write(
                f"org-{organization};person.{number}@example.com;Person {number};limited\r\n"
            )
    found = {"users": users, "file_mib": round(file.stat().st_size / 2**20, 1)}
    for name, result in [("seconds", "created"), ("again_seconds", "unchanged")]:
        say(f"importing {users:,} users: {result}")
        began = time.monotonic()
        command = [bench.binary, "--socket", gateway.socket, "--json", "users", "import", file]
        run = subprocess.run([*command, "--invite"], stdout=subprocess.PIPE, check=True)
        found[name] = round(time.monotonic() - began, 1)
        counts = json.loads(run.stdout)["job"]["counts"]
        if counts[result] != users:
            raise Failure(f"the import ended with {counts}")
    found["peak_mib"] = gateway.process.peak_memory()
    gateway.stop()
    return found
