"""What a few clients without a session can cause: memory, descriptors, connections to the portal."""

import asyncio
import http.client
import os
import select
import socket
import struct
import threading
import time

from gateways import HOST
from processes import Failure, say

STREAMS = 100
# A portal's worker that takes no notice of clients that leave.
WORK_SECONDS = 10
LARGEST_WINDOW = 2**31 - 1
DATA_FRAME_ROOM = b"a" * 65536

HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 1, 3, 4, 8
ROUTES = """
[[route]]
name = "Everything"
path = "/{*rest}"
access = "public"
"""


def abuse(bench, policies, seed):
    """Each attack on a gateway of its own; what it held at its height."""
    folder = bench.root / "abuse-policies"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("permissions.toml", "groups.toml"):
        (folder / name).write_text((policies / name).read_text())
    (folder / "routes.toml").write_text(ROUTES)
    attacks = {
        "1 HTTP/2 client that reads nothing": lambda port: unread(port, 1, LARGEST_WINDOW),
        "10 HTTP/2 clients that read nothing": lambda port: unread(port, 10, LARGEST_WINDOW),
        "12 HTTP/2 clients with closed windows": lambda port: unread(port, 12, 0),
        "256 KB of HPACK references": references,
        "4 s of reset streams": resets,
        "200 uploads of a byte a second, after 40 s": uploads,
    }
    figures = []
    for number, (name, attack) in enumerate(attacks.items()):
        with Portal() as portal:
            gateway = bench.portcullis(f"abuse-{number}", folder, portal=portal.port)
            seed.start(gateway)
            figures.append(measured(name, attack, gateway, portal, seed.cookie))
            gateway.process.kill()
    return figures


def measured(name, attack, gateway, portal, cookie):
    """The figures of one attack. Those of rest are taken after an ordinary request."""
    signed_in(gateway.port, cookie)
    rest = {"rss": gateway.process.memory()["rss"], "descriptors": descriptors(gateway.process)}
    portal.forget()
    watch = Watch(gateway.process)
    clients = attack(gateway.port)
    try:
        status, took = signed_in(gateway.port, cookie)
        held = portal.open
    finally:
        most = watch.stop()
        for client in clients:
            client.close()
    figure = {
        "name": name,
        "mib": most["rss"] - rest["rss"],
        "descriptors": most["descriptors"] - rest["descriptors"],
        "portal_at_once": portal.most,
        "portal_held": held,
        "portal_in_all": portal.total,
        "signed_in_status": status,
        "signed_in_ms": took * 1000,
    }
    say(f"abuse, {name}: {figure}")
    return figure


def signed_in(port, cookie):
    """What a signed-in user gets meanwhile: status and seconds."""
    began = time.monotonic()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line.request("GET", "/page", headers={"Host": HOST, "Cookie": cookie})
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status, time.monotonic() - began


def descriptors(process):
    """Open descriptors of a process."""
    return len(os.listdir(f"/proc/{process.popen.pid}/fd"))


class Watch:
    """The most memory and descriptors of a process, looked at ten times a second."""

    def __init__(self, process):
        self.process = process
        self.most = {"rss": 0, "descriptors": 0}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(0.1):
            self._look()

    def _look(self):
        self.most["rss"] = max(self.most["rss"], self.process.memory()["rss"])
        self.most["descriptors"] = max(self.most["descriptors"], descriptors(self.process))

    def stop(self):
        """Ends it and returns what it has seen."""
        self.ended.set()
        self.thread.join()
        self._look()
        return self.most


# Attacks: each returns the connections that are to be closed after the measurement.


def unread(port, clients, window):
    """Clients that ask for endless answers and read nothing."""
    lines = []
    for _ in range(clients):
        line = Http2(port, window)
        for _ in range(STREAMS):
            line.ask("/endless")
        lines.append(line)
    time.sleep(5)
    return lines


def references(port):
    """Requests of 32 KB each, sent as references to one field of 4 KB."""
    lines, sent = [], 0
    while sent < 256 * 1024:
        line = Http2(port, LARGEST_WINDOW)
        # A field that is remembered, then used again by a byte. 62 is the newest remembered field.
        line.ask("/work", b"\x40" + text(b"x-a") + text(b"a" * 3900))
        for _ in range(STREAMS - 1):
            line.ask("/work", b"\xbe" * 7)
        sent += line.sent
        lines.append(line)
    time.sleep(3)
    return lines


def resets(port):
    """One client that asks and resets the stream at once, for four seconds."""
    line, lines = Http2(port, LARGEST_WINDOW), []
    until = time.monotonic() + 4
    while time.monotonic() < until:
        try:
            for _ in range(20):
                line.reset(line.ask("/work"))
            line.discard()
        except OSError:
            lines.append(line)
            line = Http2(port, LARGEST_WINDOW)
        time.sleep(0.005)
    return [*lines, line]


def uploads(port):
    """Uploads of a byte a second."""
    lines = []
    for _ in range(200):
        line = socket.create_connection(("127.0.0.1", port))
        line.sendall(
            f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n".encode()
        )
        lines.append(line)
    for _ in range(40):
        time.sleep(1)
        for line in lines:
            try:
                line.sendall(b"x")
            except OSError:
                pass  # cut off, as it should be
    return lines


class Http2:
    """A client that speaks just enough of RFC 9113 and RFC 7541."""

    def __init__(self, port, window):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.stream = -1
        self.sent = 0
        self._send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self._frame(SETTINGS, 0, 0, struct.pack("!HI", 4, window))
        self._frame(SETTINGS, 1, 0, b"")
        self._frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", LARGEST_WINDOW - 65535))

    def ask(self, path, fields=b""):
        """Sends a GET and returns its stream."""
        self.stream += 2
        block = b"\x82\x86\x04" + text(path.encode()) + b"\x01" + text(HOST.encode()) + fields
        end_stream, end_headers = 1, 4
        self._frame(HEADERS, end_stream | end_headers, self.stream, block)
        return self.stream

    def reset(self, stream):
        """Resets a stream: CANCEL."""
        self._frame(RST_STREAM, 0, stream, struct.pack("!I", 8))

    def discard(self):
        """Reads away what has come; fails when the gateway has closed the connection."""
        while select.select([self.socket], [], [], 0)[0]:
            if not self.socket.recv(1 << 16):
                raise ConnectionResetError

    def close(self):
        """Closes it."""
        self.socket.close()

    def _frame(self, kind, flags, stream, payload):
        head = struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream)
        self._send(head + payload)

    def _send(self, data):
        self.sent += len(data)
        self.socket.sendall(data)


def text(value):
    """A string literal of HPACK, not compressed."""
    length = len(value)
    if length < 127:
        return bytes([length]) + value
    rest, head = length - 127, b"\x7f"
    while rest >= 128:
        head += bytes([rest % 128 + 128])
        rest //= 128
    return head + bytes([rest]) + value


class Portal:
    """A portal that counts its connections."""

    def __enter__(self):
        self.open = self.most = self.total = 0
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        if not started.wait(10):
            raise Failure("the portal does not start")
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def forget(self):
        """Counts anew."""
        self.most = self.total = self.open

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        serving = asyncio.start_server(
            self._serve, "127.0.0.1", 0, backlog=4096, limit=1 << 18
        )
        server = self.loop.run_until_complete(serving)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader, writer):
        self.open += 1
        self.total += 1
        self.most = max(self.most, self.open)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(head.split(b" ", 2)[1], reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, path, reader, writer):
        if path == b"/endless":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(DATA_FRAME_ROOM)
                await writer.drain()
        if path == b"/upload":
            while await reader.read(1 << 16):
                pass
            raise ConnectionResetError
        if path == b"/work":
            await asyncio.sleep(WORK_SECONDS)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        await writer.drain()
