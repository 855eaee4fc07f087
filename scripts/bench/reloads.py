"""Certificates that are replaced, and restarts, while clients send requests: what they notice."""

import asyncio
import fcntl
import os
import socket
import ssl
import threading
import time
from statistics import median

from certificate import Certificate, trusting
from client import LENGTH
from gateways import HOST
from load import h2load
from processes import Failure, say
from protocols import speak_tls
from turns import PATH

RELOADS, RESTARTS = 20, 10
# Clients with a new connection for each request, and with one that stays open.
FRESH, KEPT = 4, 50
PAUSE = 0.1
# Requests a second of each connection of HTTP/2, in turns of so many seconds.
RATE, HTTP2_SECONDS = 20, 2
# Between two events, so that clients have requests under way in each.
BETWEEN = 0.5
# systemd's protocol: the descriptors from 3 on, and in the environment whom they are for.
PASSED = 'LISTEN_PID=$$ exec "${@:3}" 3<&"$1" 4<&"$2"'


def reloads(bench, policies, seed):
    """20 certificates, then 10 restarts: requests, failures and the longest wait of each."""
    certificate = Certificate(bench.root / "certificate-reloaded")
    gateway = bench.portcullis("reloaded", policies, "none")
    speak_tls(gateway, certificate)
    sockets = [listening(port) for port in (gateway.port, gateway.admin)]
    gateway.descriptors = [passed(one) for one in sockets]
    gateway.wrapper = ["bash", "-c", PASSED, "bash", *map(str, gateway.descriptors)]
    gateway.environment |= {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "gateway:admin"}
    seed.start(gateway)
    found = {
        "certificates replaced": asyncio.run(replace_certificates(gateway, seed.cookie, certificate)),
        "restarts": asyncio.run(restart(gateway, seed.cookie)),
    }
    gateway.stop()
    for opened in sockets:
        opened.close()
    for descriptor in gateway.descriptors:
        os.close(descriptor)
    return found


def listening(port):
    """A socket that stays open, as that of a service manager does."""
    opened = socket.create_server(("127.0.0.1", port), backlog=4096)
    # A gateway that takes it over expects what systemd and its own sockets have.
    opened.setblocking(False)
    return opened


def passed(opened):
    """The number of a copy that a shell can read from, above those that it is passed as."""
    return fcntl.fcntl(opened, fcntl.F_DUPFD, 10)


async def replace_certificates(gateway, cookie, certificate):
    """Replaces the files, and waits each time until the new certificate is served."""
    clients = Clients(gateway.port, cookie)
    http2 = Http2(gateway.port, cookie, certificate.client)
    served = []
    async with clients:
        for number in range(RELOADS):
            await asyncio.sleep(BETWEEN)
            new = ssl.PEM_cert_to_DER_cert(certificate.renew())
            began = time.monotonic()
            while await asyncio.to_thread(certificate_of, gateway.port) != new:
                if time.monotonic() - began > 30:
                    raise Failure("a new certificate is not served within 30 s")
                await asyncio.sleep(0.02)
            served.append(time.monotonic() - began)
            say(f"certificate {number + 1}/{RELOADS} is served after {served[-1]:.2f} s")
        await asyncio.to_thread(http2.stop)
    figures = clients.figures()
    figures["requests"] += http2.requests
    figures["failures"] += http2.failures
    figures["longest_ms"] = max(figures["longest_ms"], http2.longest_ms)
    return {"count": RELOADS, "seconds": served, **figures}


async def restart(gateway, cookie):
    """Stops and starts the gateway, whose sockets stay open."""
    clients = Clients(gateway.port, cookie)
    took = []
    async with clients:
        for number in range(RESTARTS):
            await asyncio.sleep(BETWEEN)
            began = time.monotonic()
            await asyncio.to_thread(gateway.stop)
            await asyncio.to_thread(gateway.start)
            took.append(time.monotonic() - began)
            say(f"restart {number + 1}/{RESTARTS} took {took[-1]:.2f} s")
        await asyncio.sleep(BETWEEN)
    return {"count": RESTARTS, "seconds": took, **clients.figures()}


def certificate_of(port):
    """The certificate that a new connection gets (DER)."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=60))


class Http2:
    """h2load, again and again until it is stopped."""

    def __init__(self, port, cookie, environment):
        self.requests, self.failures, self.longest_ms = 0, [], 0.0
        self.ended = threading.Event()
        headers = {"Host": HOST, "Cookie": cookie}
        self.thread = threading.Thread(target=self._run, args=(port, headers, environment))
        self.thread.start()

    def _run(self, port, headers, environment):
        while not self.ended.is_set():
            try:
                told = h2load(port, PATH, headers, HTTP2_SECONDS, environment, rate=RATE)
            except Failure as failure:
                self.failures.append(str(failure))
                continue
            self.requests += told["requests"]
            self.longest_ms = max(self.longest_ms, told["max_ms"])

    def stop(self):
        """Waits for the end of its turn."""
        self.ended.set()
        self.thread.join()


class Clients:
    """Clients of HTTP/1.1 over TLS; a request that fails is counted, and they go on."""

    def __init__(self, port, cookie):
        self.port = port
        self.request = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\n".encode()
        self.context = trusting()
        self.requests, self.failures, self.longest = 0, [], 0.0
        self.ended = False

    async def __aenter__(self):
        kept = [self._run(self._kept) for _ in range(KEPT)]
        fresh = [self._run(self._fresh) for _ in range(FRESH)]
        self.tasks = [asyncio.create_task(client) for client in kept + fresh]

    async def __aexit__(self, *_):
        self.ended = True
        await asyncio.gather(*self.tasks)

    def figures(self):
        """How many requests were answered and failed, and the longest wait for an answer."""
        return {
            "requests": self.requests,
            "failures": self.failures,
            "longest_ms": self.longest * 1000,
        }

    async def _run(self, client):
        while not self.ended:
            try:
                await client()
            except (OSError, EOFError, Failure) as error:
                self.failures.append(f"{client.__name__}: {error!r}")
                await asyncio.sleep(PAUSE)

    async def _fresh(self):
        began = time.monotonic()
        reader, writer = await self._connect()
        try:
            await self._ask(reader, writer, began, b"Connection: close\r\n")
        finally:
            writer.close()

    async def _kept(self):
        began = time.monotonic()
        reader, writer = await self._connect()
        try:
            while not await self._ask(reader, writer, began) and not self.ended:
                # A server may close a connection between two requests, and a client sees that.
                try:
                    if await asyncio.wait_for(reader.read(1), PAUSE):
                        raise Failure("an answer without a request")
                    return
                except asyncio.TimeoutError:
                    began = time.monotonic()
        finally:
            writer.close()

    async def _connect(self):
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context, server_hostname=HOST
        )

    async def _ask(self, reader, writer, began, more=b""):
        """Sends a request and reads its answer; whether it is the last one of the connection."""
        writer.write(self.request + more + b"\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or not length:
            raise Failure(head.decode(errors="replace"))
        await reader.readexactly(int(length.group(1)))
        self.requests += 1
        self.longest = max(self.longest, time.monotonic() - began)
        return b"\r\nconnection: close\r\n" in head.lower()


def reload_tables(r):
    """What clients noticed."""
    failures = [failure for f in r.values() for failure in f["failures"]]
    return [
        "| while clients send requests | requests | failed | longest wait | each took (most) |",
        "|---|---|---|---|---|",
        *(
            f"| {f['count']} {name} | {f['requests']:,} | {len(f['failures'])} "
            f"| {f['longest_ms']:.0f} ms | {median(f['seconds']):.2f} s ({max(f['seconds']):.2f}) |"
            for name, f in r.items()
        ),
        *(f"\nFailed: {failure}" for failure in failures[:10]),
    ]


def reload_targets(r):
    """(what, target, measured, met)."""
    return [
        (
            f"{f['count']} {name} under load",
            "no request fails",
            f"{len(f['failures'])} of {f['requests']:,}",
            not f["failures"],
        )
        for name, f in r.items()
    ]
