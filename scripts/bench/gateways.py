"""The gateways: each with its configuration, its port, and its processes."""

import re
import socket
import time
from pathlib import Path

from load import Counted
from processes import Failure, Process, free_ports

TEMPLATES = Path(__file__).parent / "templates"
PUBLIC_URL = "http://portal.test"
HOST = "portal.test"
PAGE = "<!doctype html><title>Tickets</title><p>No open tickets. Nothing to do.</p>"
PAGE += "." * (80 - len(PAGE))
# An answer of 1 MiB.
LARGE = "/invoices/large"
LARGE_BYTES = 1 << 20


class Gateway:
    """One that is measured."""

    def __init__(self, name, process, port, asked=None):
        self.name = name
        self.process = process
        self.port = port
        self.asked = asked  # the server that it asks about each request
        self.logs = not name.endswith("none")


class Bench:
    """What all gateways share: folders, the portal, the no-op, and how many workers they have."""

    def __init__(self, root, binary, workers, sockets, examples):
        self.root = root
        self.examples = examples
        self.binary = binary
        self.workers = workers
        self.sockets = sockets  # a folder with a short name: socket paths hold 107 bytes
        ports = free_ports(4)
        self.portal_port, portal_count, self.noop_port, noop_count = ports
        large = self.folder("portal") / f"files{LARGE}"
        large.parent.mkdir(parents=True, exist_ok=True)
        large.write_bytes(b"x" * LARGE_BYTES)
        self.portal = self._nginx(
            "portal", "portal.conf", self.portal_port, count=portal_count, page=PAGE, large=LARGE
        )
        self.portal = Counted(self.portal.process, portal_count)
        self.noop = self._nginx("noop", "noop.conf", self.noop_port, count=noop_count, fields="")
        self.noop = Counted(self.noop.process, noop_count)

    def nginx(self, logs, name=None):
        """nginx, plain; `logs` is "each" (a write a request), "gathered" or "none"."""
        return self._nginx(name or f"nginx-{logs}", "nginx.conf", access_log=nginx_log(logs))

    def nginx_auth(self, logs, name=None):
        """nginx with auth_request."""
        name = name or f"nginx-auth-{logs}"
        return self._nginx(name, "nginx-auth.conf", access_log=nginx_log(logs), asked=self.noop)

    def haproxy(self, logs):
        """HAProxy, plain."""
        log = "no log" if logs == "none" else "log global\n    option httplog"
        folder, port = self.folder(f"haproxy-{logs}"), free_ports(1)[0]
        file = self.render("haproxy.cfg", folder, port=port, log=log)
        command = ["haproxy", "-db", "-f", str(file)]
        return self.run(f"haproxy-{logs}", command, folder, port)

    def caddy(self, logs):
        """Caddy with forward_auth."""
        log = "" if logs == "none" else "log {\n\t\toutput file access.log {\n\t\t\troll_disabled\n\t\t}\n\t}"
        folder, port = self.folder(f"caddy-{logs}"), free_ports(1)[0]
        file = self.render("Caddyfile", folder, port=port, log=log)
        return self.run_caddy(folder, file, port, self.noop)

    def run_caddy(self, folder, file, port, asked):
        """Caddy with a configuration that is there."""
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
        environment = {
            "GOMAXPROCS": str(self.workers),
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }
        return self.run(folder.name, command, folder, port, asked, environment)

    def noop_with(self, name, port, count, fields):
        """The authorization service that allows everything, with fields in its answer."""
        return self._nginx(name, "noop.conf", port, count=count, fields=fields, noop=port)

    def portcullis(
        self, name, policies, logs="each", reuse_after_body="false", portal=None, data=None
    ):
        """Portcullis, on the data that its folder or `data` holds, before another portal if its port
        is given."""
        decisions = "refused" if logs == "none" else "all"
        return Portcullis(self, name, policies, decisions, reuse_after_body, portal, data)

    def _nginx(self, name, template, port=None, asked=None, **values):
        folder, port = self.folder(name), port or free_ports(1)[0]
        file = self.render(template, folder, port=port, **values)
        return self.run_nginx(folder, file, port, asked)

    def run_nginx(self, folder, file, port, asked=None):
        """nginx with a configuration that is there."""
        command = ["nginx", "-p", f"{folder}/", "-e", "errors.log", "-c", str(file)]
        return self.run(folder.name, command, folder, port, asked)

    def run(self, name, command, folder, port, asked=None, environment=None):
        """A gateway whose configuration is there."""
        process = Process(name, command, folder, environment)
        wait_until_open(process, port)
        return Gateway(name, process, port, asked)

    def folder(self, name):
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def render(self, template, folder, **values):
        """Writes a configuration into a folder."""
        values = {
            "portal": self.portal_port,
            "noop": self.noop_port,
            "workers": self.workers,
            **values,
        }
        file = folder / template
        file.write_text(render((TEMPLATES / template).read_text(), values))
        return file


class Portcullis:
    """A gateway of ours: its folder stays, its process can be started again."""

    asked = None

    def __init__(self, bench, name, policies, decisions, reuse_after_body, portal, data):
        self.bench = bench
        self.name = name
        self.logs = decisions == "all"
        self.folder = bench.folder(name)
        self.port, self.admin = free_ports(2)
        self.socket = bench.sockets / name
        self.process = None
        self.environment = {}
        self.wrapper = []  # the beginning of a command line that runs the rest
        self.descriptors = ()  # that the process inherits
        self.context = None  # the client's side of TLS, if it speaks TLS
        self.settings = bench.render(
            "portcullis.toml",
            self.folder,
            port=self.port,
            admin=self.admin,
            public_url=PUBLIC_URL,
            policies=policies,
            data=data or self.folder,
            socket=self.socket,
            decisions=decisions,
            reuse_after_body=reuse_after_body,
            portal=portal or bench.portal_port,
        )

    def start(self):
        """Starts it; milliseconds from before it was begun until it had answered a request."""
        command = [*self.wrapper, str(self.bench.binary), "serve", "--config", str(self.settings)]
        began = time.monotonic()
        self.process = Process(
            self.name, command, self.folder, self.environment, self.descriptors
        )
        request = f"GET /tickets HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/html\r\n\r\n"
        answer = first_answer(self.process, self.port, request.encode(), self.context)
        took = time.monotonic() - began
        if not re.match(rb"HTTP/1.1 (200|303) ", answer):
            raise Failure(f"{self.name} does not ask for a sign-in: {answer[:300]!r}")
        return took * 1000

    def stop(self):
        """Stops it."""
        return self.process.stop()


def nginx_log(logs):
    """The value of nginx's access_log."""
    return {
        "each": "access.log",
        "gathered": "access.log combined buffer=256k flush=200ms",
        "none": "off",
    }[logs]


def render(text, values):
    """Fills in {{names}}; one that nobody gives is a mistake."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: str(values[found.group(1)]), text)


def first_answer(process, port, request, context=None):
    """Asks until there is an answer, and returns its beginning; by TLS with a context for it."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        process.require_alive()
        try:
            with connected(port, context) as line:
                line.sendall(request)
                answer = line.recv(4096)
        except OSError:
            answer = b""
        if answer:
            return answer
        time.sleep(0.001)
    raise Failure(f"{process.name} does not answer:\n{process.last_words()}")


def connected(port, context=None):
    """A connection; by TLS with a context for it."""
    line = socket.create_connection(("127.0.0.1", port), timeout=60)
    return context.wrap_socket(line, server_hostname=HOST) if context else line


def wait_until_open(process, port):
    """Waits until it answers requests."""
    first_answer(process, port, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())


def thousand_routes(shipped, folder, count=1000):
    """The shipped policy with routes added until there are so many."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("permissions.toml", "groups.toml", "routes.toml", "expectations.toml"):
        (folder / name).write_text((shipped / name).read_text())
    text = (folder / "routes.toml").read_text()
    there = len(re.findall(r"^\[\[route\]\]", text, re.MULTILINE))
    kinds = [
        ("GET", "/section-{0}"),
        ("GET", "/section-{0}/{{item}}"),
        ("POST", "/section-{0}/{{item}}/pay"),
        ("GET", "/tickets/{{ticket}}/section-{0}"),
    ]
    for index in range(count - there):
        method, path = kinds[index % len(kinds)]
        text += (
            f'\n[[route]]\nname = "Generated {index}"\nmethods = ["{method}"]\n'
            f'path = "{path.format(index // len(kinds))}"\n'
            'require = { any = ["invoices.view", "tickets.view_all"] }\n'
        )
    (folder / "routes.toml").write_text(text)
    return folder
