#!/usr/bin/env python3
"""Counts the instructions that an allowed request costs the gateway outside the kernel.

    scripts/instructions.py [PROGRAM] [--decisions all|refused] [--ask] [--profile FILE]

With --ask, nginx is in front: it asks the gateway about each request in place of sending it through.
With --profile, the last run writes its profile to a file for callgrind_annotate.

Runs the program (target/release/portcullis) under `valgrind --tool=callgrind`, with one worker and
keep-alive requests of a session, twice: with 2,000 and with 12,000 requests. The difference leaves out
start and stop. Unlike times, the counts hardly depend on what else the machine does. Needs valgrind.
"""

import argparse
import os
import re
import socket
import subprocess
import tempfile
import threading
import time

REQUESTS = (2_000, 12_000)
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 80\r\n\r\n" + b"x" * 80


def portal(listener):
    """Answers each request with 80 bytes."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    received = b""
    while part := connection.recv(65_536):
        received += part
        while b"\r\n\r\n" in received:
            received = received.split(b"\r\n\r\n", 1)[1]
            connection.sendall(RESPONSE)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Gateway:
    """A gateway with an organization whose secure link opens the portal."""

    def __init__(self, program, folder, decisions, ask):
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=portal, args=(listener,), daemon=True).start()
        self.program, self.folder, self.port = program, f"{folder}/gate", free_port()
        url = f"http://localhost:{self.port}"
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        names = ["--name", "Example IT", "--public-url", url, "--upstream", upstream]
        subprocess.run([program, "init", "gate", *names], cwd=folder, check=True, capture_output=True)
        self.environment = {
            **os.environ,
            "PORTCULLIS__SERVER__LISTEN": f'["127.0.0.1:{self.port}"]',
            "PORTCULLIS__SERVER__THREADS": "1",
            "PORTCULLIS__ADMIN__LISTEN": f"127.0.0.1:{free_port()}",
            "PORTCULLIS__TELEMETRY__DECISIONS": decisions,
            # The allocator's own thread does not start under valgrind.
            "_RJEM_MALLOC_CONF": "background_thread:false",
        }
        self.path, self.fields = "/", []
        if ask:
            self.environment["PORTCULLIS__FORWARD_AUTH__ENABLED"] = "true"
            self.environment["PORTCULLIS__SERVER__TRUSTED_PROXIES"] = "127.0.0.1"
            self.path = "/.portcullis/verify/nginx"
            self.fields = [
                "X-Original-Method: GET",
                f"X-Original-URL: {url}/",
                "X-Forwarded-For: 127.0.0.1",
                "X-Forwarded-Proto: http",
            ]
        running = self.start([])
        self.run("organizations", "create", "Acme", "--id", "acme")
        self.run("groups", "edit", "non-portal", "--grant", "portal.view", "--yes")
        link = re.search(r"http://\S+(/\S+/link/\S+)", self.run("organizations", "link", "show", "acme"))
        head = self.request(self.connect(), link.group(1), "")
        self.cookie = re.search(rb"(?i)set-cookie: ([^;]+)", head).group(1).decode()
        running.terminate()
        running.wait()

    def run(self, *words):
        command = [self.program, *words]
        ran = subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )
        return ran.stdout

    def start(self, wrapper):
        running = subprocess.Popen(
            [*wrapper, self.program, "serve"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(600):
            try:
                self.connect().close()
                with socket.socket(socket.AF_UNIX) as admin:
                    admin.connect(f"{self.folder}/data/admin.sock")
                return running
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the gateway does not start")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def request(self, connection, path, cookie, fields=()):
        """The head of the response."""
        lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{self.port}", "Accept: text/html", "User-Agent: wrk"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        lines += fields
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        head, body = received.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length.group(1)):
            body += connection.recv(65_536)
        return head

    def instructions(self, requests, profile):
        """All instructions from start to stop, with so many requests."""
        running = self.start(["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"])
        time.sleep(3)
        connection = self.connect()
        for _ in range(requests):
            head = self.request(connection, self.path, self.cookie, self.fields)
            assert b" 200 " in head.splitlines()[0], head
        connection.close()
        time.sleep(1)
        running.terminate()
        return int(re.search(r"Collected : (\d+)", running.communicate()[1]).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default="target/release/portcullis")
    parser.add_argument("--decisions", choices=["all", "refused"], default="refused")
    parser.add_argument("--ask", action="store_true")
    parser.add_argument("--profile", type=os.path.abspath, default="/dev/null")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(os.path.abspath(args.program), folder, args.decisions, args.ask)
        few, many = (gateway.instructions(requests, args.profile) for requests in REQUESTS)
    each = (many - few) / (REQUESTS[1] - REQUESTS[0])
    what = f"decisions = {args.decisions}{', asked by nginx' if args.ask else ''}"
    print(f"{args.program}, {what}: {each:,.0f} instructions a request")


if __name__ == "__main__":
    main()
