"""Other proxies, old and new, which authorize nothing, and Portcullis, by protocol."""

from dataclasses import dataclass, field
from statistics import median

from certificate import Certificate, trusting
from gateways import HOST, LARGE, LARGE_BYTES
from load import h2load, measure, wrk
from peers import peers
from processes import Failure, say
from turns import PATH

OURS = "Portcullis"
CLOSE = {"Connection": "close"}


@dataclass
class Workload:
    """What clients do, and how many times the cheapest proxy's processor time it may cost."""

    name: str
    target: float | None = None
    aim: float | None = None
    tls: bool = False
    http2: bool = False
    path: str = PATH
    headers: dict = field(default_factory=dict)
    tuned: bool = False  # the other proxies are, for large answers
    no_slower: bool = False  # than the cheapest proxy, in requests a second

    def run(self, gateway, headers, seconds, environment):
        """Runs it for so many seconds; the figures of the load."""
        headers = headers | self.headers
        if self.http2:
            return h2load(gateway.port, self.path, headers, seconds, environment)
        scheme = "https" if self.tls else "http"
        return wrk(
            gateway.port, self.path, headers, seconds, environment=environment, scheme=scheme
        )


WORKLOADS = (
    Workload("HTTP/1.1", 1.1, aim=1.0),
    Workload("HTTP/1.1 over TLS", 0.95, tls=True),
    Workload("HTTP/2 over TLS", 1.2, aim=1.0, tls=True, http2=True),
    Workload("1 MiB answers, HTTP/1.1", 0.75, path=LARGE),
    Workload("1 MiB answers, HTTP/2 over TLS", 0.9, tls=True, http2=True, path=LARGE),
    Workload("1 MiB answers, HTTP/1.1, others tuned", path=LARGE, tuned=True),
    Workload(
        "1 MiB answers, HTTP/2 over TLS, others tuned", tls=True, http2=True, path=LARGE, tuned=True
    ),
    Workload("a new connection each, HTTP/1.1", 1.1, headers=CLOSE, no_slower=True),
    Workload("a new TLS handshake each, HTTP/1.1", 0.85, tls=True, headers=CLOSE),
)


def protocols(bench, policies, seed, rounds, seconds):
    """Processor time of each proxy with each workload, and how many times the cheapest it is."""
    certificate = Certificate(bench.root / "certificate")
    others = peers()
    started = {peer.name: peer.start(bench, certificate) for peer in others}
    started[OURS] = ours(bench, policies, seed, certificate)
    tuned = started | {
        peer.name: peer.start(bench, certificate, tuned=True)
        for peer in others
        if peer.can_be_tuned()
    }
    for name, (_, tls) in [*started.items(), *tuned.items()]:
        certificate.require_same(name, tls.port)
    rows = [{name: [] for name in started} for _ in WORKLOADS]
    for number in range(rounds):
        # Another one begins each round, so that none is always first or always last.
        first = number % len(started)
        turns = [*started][first:] + [*started][:first]
        for workload, row in zip(WORKLOADS, rows):
            for name in turns:
                gateway = (tuned if workload.tuned else started)[name][workload.tls]
                warm_up = 0 if number else 1
                figures = turn(bench, seed, certificate, workload, gateway, seconds, warm_up)
                row[name].append(figures)
                say(
                    f"round {number + 1}/{rounds}: {workload.name}: {name}: "
                    f"{figures['total_us']:.1f} µs, {figures['per_second']:.0f}/s"
                )
    for clear, tls in [*started.values(), *tuned.values()]:
        clear.process.stop()
        tls.process.stop()
    programs = [{"name": peer.name, "source": peer.source, "build": peer.build} for peer in others]
    return {
        "programs": programs,
        "rows": [compared(workload, row) for workload, row in zip(WORKLOADS, rows)],
    }


def ours(bench, policies, seed, certificate):
    """Portcullis without and with TLS; both know the session."""
    clear = seed.start(bench.portcullis("portcullis-clear", policies, "none"))
    tls = bench.portcullis("portcullis-tls", policies, "none")
    speak_tls(tls, certificate)
    return clear, seed.start(tls)


def speak_tls(gateway, certificate):
    """Sets up TLS for a Portcullis that is not yet started.

    `server.public_url` stays, and with it the name of the cookie.
    """
    gateway.environment |= {
        "PORTCULLIS__SERVER__TLS__CERTIFICATE": str(certificate.certificate),
        "PORTCULLIS__SERVER__TLS__KEY": str(certificate.key),
    }
    gateway.context = trusting()


def turn(bench, seed, certificate, workload, gateway, seconds, warm_up):
    """One turn of a proxy; every answer must be whole. Large ones are counted by their bytes."""
    headers = {"Host": HOST, "Cookie": seed.cookie}

    def load(seconds):
        return workload.run(gateway, headers, seconds, certificate.client)

    figures = measure(gateway, bench.portal, load, seconds, warm_up)
    if workload.path == LARGE:
        whole = figures["bytes"] / LARGE_BYTES
        if whole < figures["requests"]:
            raise Failure(f"{gateway.name}: {figures['requests']} answers in {whole} MiB")
        # What had been sent of the answers under way at the end has cost processor time too.
        for key in ("total_us", "gateway_us"):
            figures[key] *= figures["requests"] / whole
        figures["per_second"] *= whole / figures["requests"]
    return figures


def compared(workload, runs):
    """The medians of each proxy, and the ratios to the one that is cheapest by its median."""
    medians = {
        name: {key: median(run[key] for run in found) for key in found[0]}
        for name, found in runs.items()
    }
    cheapest = min((name for name in runs if name != OURS), key=lambda name: medians[name]["total_us"])
    pairs = list(zip(runs[OURS], runs[cheapest]))
    return {
        "name": workload.name,
        "target": workload.target,
        "aim": workload.aim,
        "no_slower": workload.no_slower,
        "runs": runs,
        "medians": medians,
        "cheapest": cheapest,
        "ratios": [mine["total_us"] / other["total_us"] for mine, other in pairs],
        "speed_ratios": [mine["per_second"] / other["per_second"] for mine, other in pairs],
    }


def protocol_tables(p):
    """Processor time, then requests a second, of each proxy with each workload, then the builds."""
    rows = p["rows"]
    names = list(rows[0]["medians"])
    foreign = max(m["foreign_load"] for row in rows for m in row["medians"].values())
    head, line = f"| workload | {' | '.join(names)} |", "|---" * (len(names) + 1)
    return [
        *processor_table(p, with_targets=True),
        f"Other programs took up to {foreign:.0%} of the machine (median of a proxy's rounds)."
        + (" **Too much for good figures.**" if foreign > 0.1 else ""),
        "",
        f"{head} × the cheapest (least–most) |",
        f"{line}|---|",
        *(
            f"| {row['name']} | {cells(row, names, 'per_second')} | {times(row['speed_ratios'])} |"
            for row in rows
        ),
        "",
        "Requests a second; of 1 MiB answers, MiB. The load and the portal use the same processors.",
        "",
        *builds(p),
    ]


def processor_table(p, with_targets=False):
    """Processor time of each proxy with each workload; what it is to reach, if asked for."""
    rows = p["rows"]
    names = list(rows[0]["medians"])
    last = " at most |" if with_targets else ""
    return [
        f"| workload | {' | '.join(names)} | × the cheapest (least–most) |{last}",
        f"{'|---' * (len(names) + 2 + with_targets)}|",
        *(
            f"| {row['name']} | {cells(row, names, 'total_us')} | {times(row['ratios'])} |"
            + (f" {bound(row)} |" if with_targets else "")
            for row in rows
        ),
        "",
        "Processor time in µs a request; of 1 MiB answers, a MiB. Medians of all rounds. The cheapest "
        "of the other proxies is in bold. Tuned are nginx with larger buffers, and HAProxy with splicing.",
    ]


def builds(p):
    """Where the other proxies are from, and how they were built."""
    return [
        "| proxy | from | build |",
        "|---|---|---|",
        *(f"| {one['name']} | {one['source']} | {one['build']} |" for one in p["programs"]),
    ]


def cells(row, names, key):
    """A row's medians; the cheapest other proxy is in bold."""
    digits = 1 if key == "total_us" else 0
    found = {name: f"{row['medians'][name][key]:,.{digits}f}" for name in names}
    found[row["cheapest"]] = f"**{found[row['cheapest']]}**"
    return " | ".join(found[name] for name in names)


def times(ratios):
    """The median of the ratios of each round, and their spread."""
    return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def bound(row):
    """What a ratio is to reach."""
    aim = f" (aim {row['aim']})" if row["aim"] else ""
    return f"{row['target']}{aim}" if row["target"] else "–"


def protocol_targets(p):
    """(what, target, measured, met) of each workload."""
    found = []
    for row in p["rows"]:
        if row["target"] is None:
            continue
        ratio, cheapest = median(row["ratios"]), row["cheapest"]
        what, target = f"authorized request, {row['name']}", f"≤ {row['target']} × the cheapest proxy"
        found.append((what, target, f"{ratio:.2f} × {cheapest}", ratio <= row["target"]))
        if row["no_slower"]:
            speed = median(row["speed_ratios"])
            measured = f"{speed:.2f} × {cheapest}"
            found.append((what, "as many a second as the cheapest", measured, speed >= 1))
    return found
