"""Processes of the benchmark: started in a session of their own, measured by /proc, ended for sure."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
STARTED = []
PORTS = iter(range(random.randrange(12_000, 28_000), 32_000))


def say(text):
    """Progress, on standard error: standard output is for the result."""
    print(f"==> {text}", file=sys.stderr, flush=True)


class Failure(Exception):
    """Something without which the figures would mean nothing."""


class Process:
    """A program and all its children, which share its session."""

    def __init__(self, name, command, folder, environment=None, descriptors=()):
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.folder = folder
        self.output = folder / "output.log"
        self.errors = folder / "errors.log"
        # Appended to, so that the files can be cut short while they are written.
        with open(self.output, "ab") as output, open(self.errors, "ab") as errors:
            self.popen = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                pass_fds=descriptors,
            )
        STARTED.append(self)

    def members(self):
        """The fields of /proc/<pid>/stat after the name, by process id."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                text = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue  # ended meanwhile
            fields = text.rpartition(")")[2].split()
            if int(fields[3]) == self.popen.pid:
                found[int(entry)] = fields
        return found

    def processor_seconds(self):
        """User and system time of all processes, those that have ended included."""
        self.require_alive()
        return sum(sum(map(int, fields[11:15])) for fields in self.members().values()) / TICKS

    def memory(self):
        """Resident memory in MiB: summed, and with shared pages divided among those that share."""
        self.require_alive()
        resident = proportional = 0
        for pid in self.members():
            resident += kibibytes(f"/proc/{pid}/status", "VmRSS:")
            proportional += kibibytes(f"/proc/{pid}/smaps_rollup", "Pss:")
        return {"rss": resident / 1024, "pss": proportional / 1024}

    def peak_memory(self):
        """The most resident memory that the first process has had, in MiB."""
        return kibibytes(f"/proc/{self.popen.pid}/status", "VmHWM:") / 1024

    def require_alive(self):
        """Fails with the program's own words when it is gone."""
        if self.popen.poll() is not None:
            raise Failure(f"{self.name} ended with {self.popen.returncode}:\n{self.last_words()}")

    def last_words(self):
        """The end of what it has said."""
        text = b"".join(file.read_bytes()[-2000:] for file in (self.errors, self.output))
        return text.decode(errors="replace")

    def forget_logs(self):
        """Cuts the logs short, so that a long run fills no disk."""
        for file in self.folder.glob("*.log"):
            os.truncate(file, 0)

    def logged_lines(self):
        """How many lines have been written since the logs were cut short."""
        return sum(count_lines(file) for file in self.folder.glob("*.log"))

    def stop(self):
        """Ends it in good order, or else by force; returns how long it took."""
        began = time.monotonic()
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                say(f"{self.name} does not stop; killed")
        self.kill()
        return time.monotonic() - began

    def kill(self):
        """Ends it at once, with all its children."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
        if self in STARTED:
            STARTED.remove(self)


def stop_all():
    """Ends whatever still runs, the last started first."""
    for process in reversed(list(STARTED)):
        process.kill()


def count_lines(file):
    """The lines of a file that may be large."""
    with open(file, "rb") as opened:
        return sum(part.count(b"\n") for part in iter(lambda: opened.read(1 << 20), b""))


def kibibytes(file, label):
    """A figure of a file like /proc/<pid>/status; 0 when it may not be read."""
    try:
        for line in Path(file).read_text().splitlines():
            if line.startswith(label):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def free_ports(count):
    """So many ports that nobody listens on, each given once.

    Not from the range that outgoing connections take theirs from: those of the load generator
    would sooner or later be in the way of a gateway that is started after them.
    """
    found = []
    while len(found) < count:
        port = next(PORTS)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def machine_busy_seconds():
    """Processor time that anything on this machine has used."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _waiting, hard, soft, stolen = map(int, fields[:8])
    return (user + nice + system + hard + soft + stolen) / TICKS
