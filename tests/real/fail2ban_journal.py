"""Prints the addresses that the filter in a folder finds in lines of the journal.

The lines come from standard input, as Fail2Ban's `backend = systemd` puts them together: host,
program, message, and the time apart.
"""

import sys
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")

from fail2ban.client.filterreader import FilterReader
from fail2ban.server.filter import Filter

reader = FilterReader("portcullis", "portcullis", {}, basedir=sys.argv[1])
assert reader.read()
reader.getOptions({})
lines = Filter(None)
lines.checkFindTime = False
for command in reader.convert():
    if command[0] == "multi-set":
        for expression in command[3]:
            lines.addFailRegex(expression)
    elif command[2] == "datepattern":
        lines.setDatePattern(command[3])
for line in sys.stdin.read().splitlines():
    for failure in lines.processLine(("", "2026-11-26T10:00:00.000000 ", line), time.time()):
        print(failure[1])
