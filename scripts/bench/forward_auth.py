"""What it costs a proxy to ask Portcullis about each request, rather than a server that allows all.

nginx and Caddy run with the examples that are shipped. The server that allows all answers with the
fields that Portcullis answered.
"""

import http.client
from statistics import median

from gateways import HOST
from load import Counted, measure, wrk
from processes import Failure, free_ports, say

PATH = "/tickets"
NOOP, OURS = "a no-op", "Portcullis"
# A pause of each connection after each answer, so that requests do not wait for one another.
PAUSE_MS = 20
# Fields of an answer that the server itself adds.
FRAMING = ("date", "content-length", "connection", "server")
HTTP_BLOCK = """# A shipped example, in a configuration that runs.
daemon off;
worker_processes {workers};
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 100000000;
  upstream portal {{
    server 127.0.0.1:{portal};
    keepalive 128;
    keepalive_requests 100000000;
  }}
{example}
}}
"""


def forward_auth(bench, policies, seed, rounds, seconds):
    """Processor time of both servers, and the latency that a decision adds."""
    service = bench.portcullis("portcullis-asked", policies, "none")
    service.environment = {
        "PORTCULLIS__FORWARD_AUTH__ENABLED": "true",
        "PORTCULLIS__SERVER__TRUSTED_PROXIES": "127.0.0.1",
    }
    seed.start(service)
    asked = {OURS: Asked(service.process, service.port)}
    fields = answered(service.port, seed.cookie)
    asked[NOOP] = no_op(bench, fields)
    proxies = {
        "nginx": {name: nginx(bench, name, server) for name, server in asked.items()},
        "Caddy": {name: caddy(bench, name, server) for name, server in asked.items()},
    }
    for pair in proxies.values():
        for name, proxy in pair.items():
            require_decisions(proxy, seed.cookie, name == OURS)
    headers = {"Host": HOST, "Cookie": seed.cookie}
    rows = {proxy: {NOOP: [], OURS: []} for proxy in proxies}
    for number in range(rounds):
        for proxy, pair in proxies.items():
            # Each is the first in every other round.
            for name in (NOOP, OURS) if number % 2 else (OURS, NOOP):
                port = pair[name].port
                told = measure(
                    pair[name],
                    bench.portal,
                    lambda seconds: wrk(port, PATH, headers, seconds),
                    seconds,
                )
                paced = wrk(port, PATH, headers, seconds, pause_ms=PAUSE_MS)
                told["paced_p99_ms"] = paced["p99_ms"]
                rows[proxy][name].append(told)
                say(f"round {number + 1}/{rounds}: {proxy} + {name}: {told['total_us']:.1f} µs")
    figures = {proxy: compared(pair) for proxy, pair in rows.items()}
    figures["asked"] = asked_alone(asked, seed.cookie, rounds, seconds)
    return figures


class Asked:
    """A server that is asked. How often is counted if it can tell."""

    def __init__(self, process, port, counted=None):
        self.process = process
        self.port = port
        self.counted = counted

    def requests(self):
        """How many requests it has had; None if it cannot tell."""
        return self.counted.requests() if self.counted else None


def compared(pair):
    """The medians of both, and of the ratio and the difference in each round."""
    noop, ours = pair[NOOP], pair[OURS]
    return {
        "rows": {
            name: {key: median(run[key] for run in runs) for key in runs[0]}
            for name, runs in pair.items()
        },
        "ratios": [a["total_us"] / b["total_us"] for a, b in zip(ours, noop)],
        "paced_p99_more_us": median(
            (a["paced_p99_ms"] - b["paced_p99_ms"]) * 1000 for a, b in zip(ours, noop)
        ),
    }


def asked_alone(asked, cookie, rounds, seconds):
    """The latency of the two servers alone, asked as nginx asks."""
    headers = {**original(), "Host": HOST, "Cookie": cookie}
    found = {NOOP: [], OURS: []}
    for _ in range(rounds):
        for name, server in asked.items():
            found[name].append(
                wrk(server.port, "/.portcullis/verify/nginx", headers, seconds, pause_ms=PAUSE_MS)
            )
    more = [(a["p99_ms"] - b["p99_ms"]) * 1000 for a, b in zip(found[OURS], found[NOOP])]
    return {
        "p99_us": {name: median(run["p99_ms"] for run in runs) * 1000 for name, runs in found.items()},
        "p99_more_us": median(more),
        "per_second": median(run["per_second"] for run in found[OURS]),
    }


def original():
    """The fields in which nginx names the request that it asks about."""
    return {
        "X-Original-Method": "GET",
        "X-Original-URL": f"http://{HOST}{PATH}",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
    }


def answered(port, cookie):
    """The fields of an answer that allows."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {**original(), "Host": HOST, "Cookie": cookie}
    connection.request("GET", "/.portcullis/verify/nginx", headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise Failure(f"an authorized request was answered with {answer.status}: {text[:300]!r}")
    return [(name, value) for name, value in answer.getheaders() if name.lower() not in FRAMING]


def no_op(bench, fields):
    """nginx as the server that allows all."""
    # nginx leaves out fields without a value; a space is none after it has been read.
    lines = "\n".join(f'      add_header {name} "{escaped(value) or " "}";' for name, value in fields)
    port, count = free_ports(2)
    gateway = bench.noop_with("noop-fields-none", port, count, lines)
    return Asked(gateway.process, port, Counted(gateway.process, count))


def escaped(value):
    """A value in an nginx file; `$` cannot be written there."""
    if "$" in value:
        raise Failure(f"a field with a dollar sign cannot be answered by nginx: {value}")
    return value.replace("\\", "\\\\").replace('"', '\\"')


def nginx(bench, name, server):
    """nginx as config/examples has it."""
    port = free_ports(1)[0]
    example = shipped(bench, "nginx/portal.conf", server.port)
    example = replaced(example, "listen 80;", f"listen 127.0.0.1:{port} backlog=1024;")
    example = replaced(example, "http://127.0.0.1:9000;", "http://portal;")
    text = HTTP_BLOCK.format(workers=bench.workers, portal=bench.portal_port, example=example)
    folder = bench.folder(f"nginx-asks-{name.replace(' ', '-')}-none")
    file = folder / "nginx.conf"
    file.write_text(text)
    return bench.run_nginx(folder, file, port, server)


def caddy(bench, name, server):
    """Caddy as config/examples has it."""
    port = free_ports(1)[0]
    example = shipped(bench, "caddy/Caddyfile", server.port)
    example = replaced(example, "127.0.0.1:9000", f"127.0.0.1:{bench.portal_port}")
    example = replaced(example, "\n:80 {", f"\nhttp://:{port} {{\n\tbind 127.0.0.1")
    folder = bench.folder(f"caddy-asks-{name.replace(' ', '-')}-none")
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + example)
    return bench.run_caddy(folder, file, port, server)


def shipped(bench, path, port):
    """An example with the address of the server that is asked."""
    text = (bench.examples / path).read_text()
    return replaced(text, "127.0.0.1:8080", f"127.0.0.1:{port}")


def replaced(text, what, by):
    """Replaces what must be there."""
    if what not in text:
        raise Failure(f"an example has no `{what.strip()}`")
    return text.replace(what, by)


def require_decisions(proxy, cookie, decides):
    """With a session the portal answers; without one it does not, where Portcullis is asked."""
    for headers, expected in (({"Cookie": cookie}, (200,)), ({}, (302, 303) if decides else (200,))):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        connection.request("GET", PATH, headers={"Host": HOST, "Accept": "text/html", **headers})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in expected:
            raise Failure(f"{proxy.name}: {answer.status} in place of {expected}: {text[:300]!r}")
