"""What open connections cost: idle ones in memory, WebSockets in time when their session ends."""

import asyncio
import base64
import resource
import selectors
import threading
import time
from hashlib import sha1
from statistics import median

from certificate import Certificate
from client import Admin
from gateways import HOST, PUBLIC_URL, connected
from peers import peers
from processes import Failure, say
from protocols import OURS
from turns import PATH

IDLE = 8000
IDLE_FOR = 10
GIVEN_BACK_WITHIN = 10
SOCKETS = 1000
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def connections(bench, policies, seed, rounds):
    """The memory of idle connections for each proxy, and the end of WebSockets."""
    require_descriptors(2 * IDLE + 4000)
    return {
        "count": IDLE,
        "idle": idle(bench, policies, seed),
        "sockets": SOCKETS,
        "revoked": [revoked(bench, policies, seed, number) for number in range(rounds)],
    }


def require_descriptors(count):
    """Allows so many open files to this process and those that it starts."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count:
        raise Failure(f"{count} open files are needed, and {most} allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limit, count), most))


def idle(bench, policies, seed):
    """KiB an idle connection costs, and KiB that are left of it after it is closed."""
    certificate = Certificate(bench.root / "certificate")
    found = {}
    for peer in peers():
        gateway, _ = peer.start(bench, certificate)
        found[peer.name] = memory_of_idle(gateway, seed.cookie)
    found[OURS] = memory_of_idle(seed.start(bench.portcullis("idle", policies, "none")), seed.cookie)
    return found


def memory_of_idle(gateway, cookie):
    """Opens connections one after the other, each with a request, and closes them all."""
    request = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\n\r\n".encode()
    for _ in range(10):
        answered(gateway.port, request).close()
    time.sleep(2)
    before = gateway.process.memory()
    lines = [answered(gateway.port, request) for _ in range(IDLE)]
    time.sleep(IDLE_FOR)
    open_now = gateway.process.memory()
    for line in lines:
        if unread(line):
            raise Failure(f"{gateway.name} has closed a connection")
    for line in lines:
        line.close()
    time.sleep(GIVEN_BACK_WITHIN)
    after = gateway.process.memory()
    gateway.process.stop()
    figures = {
        kind: {
            "open_kib": (open_now[kind] - before[kind]) * 1024 / IDLE,
            "left_kib": (after[kind] - before[kind]) * 1024 / IDLE,
        }
        for kind in ("pss", "rss")
    }
    say(f"{IDLE} idle connections, {gateway.name}: {figures}")
    return figures


def answered(port, request):
    """A connection whose request has been answered with 200, and completely."""
    line = connected(port)
    line.sendall(request)
    text = b""
    while not text.endswith(b"."):  # as the page does
        part = line.recv(4096)
        text += part
        if not part or not text.startswith(b"HTTP/1.1 200 "[: len(text)]):
            raise Failure(f"no answer but {text[:300]!r}")
    return line


def unread(line):
    """Whether something has come, or the end."""
    line.setblocking(False)
    try:
        line.recv(1)
    except BlockingIOError:
        return False
    return True


def revoked(bench, policies, seed, number):
    """Seconds from the answer that a session is ended until the last of its WebSockets is closed."""
    with WebSocketPortal() as portal:
        gateway = seed.start(
            bench.portcullis(f"revoked-{number}", policies, "none", portal=portal.port)
        )
        lines = [opened(gateway.port, seed.cookie) for _ in range(SOCKETS)]
        admin = Admin(gateway.socket)
        session = admin.get("sessions?kind=user")["items"][0]["id"]
        with selectors.DefaultSelector() as waiting:
            for line in lines:
                if unread(line):
                    raise Failure("a WebSocket was closed before its session")
                waiting.register(line, selectors.EVENT_READ)
            asked = time.monotonic()
            admin.delete(f"sessions/{session}")
            began = time.monotonic()
            while waiting.get_map():
                events = waiting.select(60)
                if not events:
                    raise Failure(f"{len(waiting.get_map())} WebSockets are still open")
                for key, _ in events:
                    if not received(key.fileobj):
                        waiting.unregister(key.fileobj)
                        key.fileobj.close()
            last = time.monotonic()
        gateway.stop()
    figures = {
        "answer_seconds": began - asked,
        "last_seconds": last - began,
    }
    say(f"{SOCKETS} WebSockets of a session that ends: {figures}")
    return figures


def received(line):
    """What has come; nothing at the end."""
    try:
        return line.recv(4096)
    except ConnectionResetError:
        return b""


def opened(port, cookie):
    """A WebSocket."""
    line = connected(port)
    line.sendall(
        (
            f"GET /chat/socket HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {PUBLIC_URL}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nCookie: {cookie}\r\n\r\n"
        ).encode()
    )
    text = b""
    while b"\r\n\r\n" not in text:
        part = line.recv(4096)
        text += part
        if not part:
            raise Failure(f"no WebSocket but {text[:300]!r}")
    if not text.startswith(b"HTTP/1.1 101 "):
        raise Failure(f"no WebSocket but {text[:300]!r}")
    return line


class WebSocketPortal:
    """A portal whose WebSockets stay open, and send nothing, until the other side ends them."""

    def __enter__(self):
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

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        server = self.loop.run_until_complete(serving)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        except asyncio.IncompleteReadError:
            writer.close()
            return
        if "upgrade: websocket" not in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            accept = sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n\r\n"
            )
            await reader.read()
        writer.close()


def connection_tables(c):
    """The memory of idle connections, and the end of WebSockets."""
    seconds = [run["last_seconds"] for run in c["revoked"]]
    answers = [run["answer_seconds"] for run in c["revoked"]]
    return [
        f"| {c['count']:,} idle connections | KiB each, PSS (RSS) | left after {GIVEN_BACK_WITHIN} s |",
        "|---|---|---|",
        *(
            f"| {name} | {f['pss']['open_kib']:.1f} ({f['rss']['open_kib']:.1f}) "
            f"| {f['pss']['left_kib']:.1f} ({f['rss']['left_kib']:.1f}) |"
            for name, f in c["idle"].items()
        ),
        "",
        f"{c['sockets']:,} WebSockets of a session: the last was closed {median(seconds):.3f} s (most: "
        f"{max(seconds):.3f}) after the answer that the session is ended, which took "
        f"{median(answers) * 1000:.0f} ms.",
    ]


def connection_targets(c):
    """(what, target, measured, met)."""
    ours = c["idle"][OURS]["pss"]
    each, left = ours["open_kib"], ours["left_kib"]
    last = max(run["last_seconds"] for run in c["revoked"])
    return [
        ("an idle connection", "≤ 10 KiB (aim 6)", f"{each:.1f} KiB", each <= 10),
        (
            f"its memory {GIVEN_BACK_WITHIN} s after it was closed",
            "≤ 10 % of it is left",
            f"{left:.1f} KiB",
            left <= each / 10,
        ),
        (f"{c['sockets']:,} WebSockets of a session that ends", "≤ 1 s", f"{last:.3f} s", last <= 1),
    ]
