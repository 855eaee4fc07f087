"""HTTP for what wrk cannot do: requests that differ, Unix sockets, and forms."""

import asyncio
import http.client
import json
import re
import socket
import time
from urllib.parse import urlencode

from processes import Failure

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Admin:
    """The admin API over its socket."""

    headers = {}

    def __init__(self, path):
        self.connection = UnixConnection(path)

    def post(self, path, document):
        """Makes a record and returns it."""
        return self._ask("POST", path, json.dumps(document), 201)

    def ask_dry_run(self, path, document):
        """Tries a write out and returns what it would change."""
        return self._ask("POST", f"{path}?dry_run=true", json.dumps(document), 200)

    def get(self, path):
        """Reads a document."""
        return self._ask("GET", path, None, 200)

    def patch(self, path, document):
        """Changes a record and returns it."""
        return self._ask("PATCH", path, json.dumps(document), 200)

    def delete(self, path):
        """Deletes a record."""
        self._ask("DELETE", path, None, 204)

    def _ask(self, method, path, body, expected):
        headers = {"Content-Type": "application/json"} if body else {}
        headers.update(self.headers)
        self.connection.request(method, "/api/v1/" + path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != expected:
            raise Failure(f"{method} {path}: {answer.status} {text[:500]!r}")
        return json.loads(text) if text else None


class TokenClient(Admin):
    """The admin API over the admin listener, with a token."""

    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"}


class Browser:
    """One that signs in with the form, each time as if for the first time."""

    def __init__(self, port, public_url, login, password, address="127.0.0.1"):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=60, source_address=(address, 0)
        )
        self.public_url = public_url
        self.host = public_url.partition("://")[2]
        self.login = login
        self.password = password
        self.form = None

    def open_form(self):
        """Reads the form's token and the cookie that it goes with."""
        self.connection.request("GET", "/.portcullis/sign-in", headers={"Host": self.host})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        tag = re.search(r"<input[^>]*\bname=\"?csrf\b[^>]*>", text)
        token = tag and re.search(r"\bvalue=\"?([^\s\">]+)", tag.group(0))
        if answer.status != 200 or not token:
            raise Failure(f"no sign-in form: {answer.status} {text[:300]}")
        pairs = [line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie") or []]
        self.form = {"token": token.group(1), "cookies": "; ".join(pairs)}

    def sign_in(self):
        """Sends the form; the status, and the session's cookie pair if there is one."""
        if self.form is None:
            self.open_form()
        fields = {
            "login": self.login,
            "password": self.password,
            "csrf": self.form["token"],
            "return_to": "/",
        }
        headers = {
            "Host": self.host,
            "Origin": self.public_url,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": self.form["cookies"],
        }
        self.connection.request("POST", "/.portcullis/sign-in", urlencode(fields), headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, session_cookie(answer.headers.get_all("Set-Cookie") or [])


def session_cookie(lines):
    """The pair `portcullis=<token>` among Set-Cookie lines."""
    for line in lines:
        pair = line.partition(";")[0].strip()
        if pair.startswith("portcullis=") and len(pair) > len("portcullis="):
            return pair
    return None


def bulk(where, requests, connections, expected, seen=None):
    """Sends all requests over so many kept connections; how long it took, in seconds.

    `where` is a port or the path of a Unix socket. An answer with another status than `expected`
    ends it. `seen` gets the head of each answer.
    """
    began = time.monotonic()
    asyncio.run(_Bulk(requests, expected, seen).run(where, connections))
    return time.monotonic() - began


class _Bulk:
    def __init__(self, requests, expected, seen):
        self.requests = iter(requests)
        self.expected = expected
        self.seen = seen

    async def run(self, where, connections):
        self.loop = asyncio.get_running_loop()
        lines = [_Line(self) for _ in range(connections)]
        for line in lines:
            if isinstance(where, int):
                await self.loop.create_connection(lambda line=line: line, "127.0.0.1", where)
            else:
                await self.loop.create_unix_connection(lambda line=line: line, str(where))
        await asyncio.gather(*(line.finished for line in lines))


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, work):
        self.work = work
        self.buffer = bytearray()
        self.finished = work.loop.create_future()

    def connection_made(self, transport):
        self.transport = transport
        self._next()

    def _next(self):
        request = next(self.work.requests, None)
        if request is None:
            self.finished.set_result(None)
            self.transport.close()
        else:
            self.transport.write(request)

    def data_received(self, data):
        self.buffer += data
        head, found, body = bytes(self.buffer).partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or (length and len(body) < int(length.group(1))):
            return
        self.buffer.clear()
        if int(head[9:12]) != self.work.expected:
            self._fail(f"{head.decode(errors='replace')}\n{body[:500]!r}")
            return
        if self.work.seen:
            self.work.seen(head)
        self._next()

    def connection_lost(self, error):
        self._fail(f"the connection was closed: {error}")

    def _fail(self, message):
        if not self.finished.done():
            self.finished.set_exception(Failure(message))
            self.transport.close()
