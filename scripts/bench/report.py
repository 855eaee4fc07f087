"""What was measured, as a Markdown text and against the targets."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from statistics import median

from connections import connection_tables, connection_targets
from protocols import protocol_tables, protocol_targets
from reloads import reload_tables, reload_targets

# What `directory` measures, and must be answered within 20 ms.
FAST = (
    "a list page, users",
    "a list page, organizations",
    "a search by login prefix",
    "one user by login",
    "a group edit with 10,000 live sessions in it",
)


def machine(root, binary):
    """What it was measured on and with."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    system = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": told(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])
        + (" with changes" if told(["git", "-C", str(root), "status", "--porcelain"]) else ""),
        "processor": f"{os.cpu_count()} × {processor}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{system.get('PRETTY_NAME', '?').strip(chr(34))}, Linux {platform.release()}",
        "nginx": told(["nginx", "-v"]).rpartition("/")[2],
        "HAProxy": (told(["haproxy", "-v"]).split() + ["?"] * 3)[2],
        "Caddy": told(["caddy", "version"]).split(" ")[0],
        "wrk": (told(["wrk", "-v"]).split() + ["?"] * 2)[1],
        "h2load": told(["h2load", "--version"]).rpartition("/")[2],
        "Portcullis": f"{binary.name}, {binary.stat().st_size / 2**20:.1f} MiB",
    }


def told(command):
    """The first line that a program says."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (run.stdout + run.stderr).strip().partition("\n")[0]


def markdown(results):
    """The whole report."""
    options = results["options"]
    lines = ["# Benchmark", "", *(f"- {name}: {value}" for name, value in results["machine"].items())]
    lines.append(
        f"- rounds: {options['rounds']} of {options['seconds']} s a gateway, "
        f"{options['workers']} workers each"
    )
    if "gateways" in results:
        lines += gateway_tables(results["gateways"]["rows"])
    if "protocols" in results:
        lines += ["", "## Beside proxies that authorize nothing, no logs", ""]
        lines += protocol_tables(results["protocols"])
    if "connections" in results:
        lines += ["", "## Open connections", "", *connection_tables(results["connections"])]
    if "reloads" in results:
        lines += ["", "## Under load", "", *reload_tables(results["reloads"])]
    lines += others(results)
    lines += failures(results["failures"])
    lines += ["", "## Targets", "", "| what | target | measured | |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {target} | {measured} | {'met' if met else '**missed**'} |"
        for what, target, measured, met in targets(results)
    ]
    return "\n".join(lines) + "\n"


def gateway_tables(rows):
    """A table for each way of logging."""
    lines = []
    for logs in dict.fromkeys(row["logs"] for row in rows):
        lines += [
            "",
            f"## Gateways, {logs}",
            "",
            "| gateway | µs a request | of it the no-op | × nginx (least–most) | × auth_request "
            "| requests/s | p50 ms | p99 ms | idle MiB | MiB after load |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for row in (row for row in rows if row["logs"] == logs):
            m = row["median"]
            ratios = [run["to_nginx"] for run in row["runs"]]
            noop = f"{m['noop_us']:.1f}" if m["noop_us"] else "–"
            lines.append(
                f"| {row['name']} | {m['total_us']:.1f} | {noop} "
                f"| {m['to_nginx']:.2f} ({min(ratios):.2f}–{max(ratios):.2f}) "
                f"| {m['to_auth_request']:.2f} | {m['per_second']:,.0f} "
                f"| {m['p50_ms']:.2f} | {m['p99_ms']:.2f} "
                f"| {row['idle']['pss']:.1f} ({row['idle']['rss']:.1f}) "
                f"| {row['after']['pss']:.1f} ({row['after']['rss']:.1f}) |"
            )
    foreign = max(row["median"]["foreign_load"] for row in rows)
    lines += [
        "",
        "Medians of all rounds. Processor time is that of all processes of the gateway and of the "
        "no-op it asks. Memory is PSS, in brackets the sum of RSS.",
        f"Other programs took up to {foreign:.0%} of the machine meanwhile (median of a gateway's "
        "rounds)." + (" **Too much for good figures.**" if foreign > 0.1 else ""),
    ]
    return lines


def others(results):
    """The parts that are about Portcullis alone."""
    lines = []
    if "decision" in results:
        lines += ["", "## The decision alone", "", "| benchmark | ns |", "|---|---|"]
        lines += [f"| {name} | {ns:,.0f} |" for name, ns in results["decision"].items()]
    if "storm" in results:
        told = results["storm"]
        lines += [
            "",
            f"## {told['clients']} clients sign in without pause",
            "",
            "| connections of wrk | p99 quiet | p99 in the storm | ratio | requests/s quiet "
            "| in the storm | sign-ins/s |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {f['connections']} | {f['p99_quiet_ms']:.2f} ms | {f['p99_storm_ms']:.2f} ms "
            f"| {f['p99_ratio']:.2f} | {f['per_second_quiet']:,.0f} | {f['per_second_storm']:,.0f} "
            f"| {f['sign_ins_per_second']:.0f} |"
            for f in told["figures"]
        ]
        lines += ["", f"Most memory at any time, hashing included: {told['peak_memory']:.0f} MiB."]
    if "sessions" in results:
        s = results["sessions"]
        lines += [
            "",
            f"## {s['count']:,} live sessions",
            "",
            f"Resident: {s['before']['rss']:.1f} MiB before, {s['opened']['rss']:.1f} MiB when all "
            f"were opened, {s['live']['rss']:.1f} MiB when each had been used. Opened "
            f"{s['open_per_second']:,.0f} a second, durable each; {s['store_mib']:.0f} MiB on disk.",
        ]
    if "startup" in results:
        s = results["startup"]
        lines += [
            "",
            f"## Start with {s['users']:,} portal users",
            "",
            f"First answer after {s['median_ms']:.0f} ms (median of "
            f"{', '.join(f'{run:.0f}' for run in s['runs_ms'])}); {s['after_kill_ms']:.0f} ms after "
            f"a kill; {s['empty_ms']:.0f} ms with nobody on file. Resident then: "
            f"{s['idle']['rss']:.1f} MiB. The users were made in {s['create_seconds']:.0f} s, "
            f"durable each; {s['store_mib']:.0f} MiB on disk.",
        ]
    if "directory" in results:
        lines += of_directory(results["directory"])
    if "backup" in results:
        lines += of_backup(results["backup"])
    if "jobs" in results:
        lines += of_jobs(results["jobs"])
    if "forward-auth" in results:
        lines += of_forward_auth(results["forward-auth"])
    if "abuse" in results:
        lines += [
            "",
            "## Clients without a session that mean harm",
            "",
            "| attack | MiB more | descriptors more | connections to the portal at once | held "
            "| in all | a signed-in user meanwhile |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {f['name']} | {f['mib']:.1f} | {f['descriptors']} | {f['portal_at_once']} "
            f"| {f['portal_held']} | {f['portal_in_all']} "
            f"| {f['signed_in_status']} in {f['signed_in_ms']:.0f} ms |"
            for f in results["abuse"]
        ]
    return lines


def of_backup(b):
    """A backup under load."""
    lines = ["", f"### Backup of {b['users']:,} portal users under load", ""]
    lines += ["| | p99 ms | requests/s | write: median ms | p99 | most |", "|---|---|---|---|---|---|"]
    for name in ("quiet", "during"):
        t = b[name]
        lines.append(
            f"| {name} | {t['p99_ms']:.2f} | {t['per_second']:,.0f} | {t['write_median_ms']:.1f} "
            f"| {t['write_p99_ms']:.1f} | {t['write_max_ms']:.1f} |"
        )
    return lines + [
        "",
        f"{b['records']:,} records in {b['mib']:.0f} MiB: written in {b['seconds']:.1f} s, verified in "
        f"{b['verify_seconds']:.1f} s, restored in {b['restore_seconds']:.1f} s, first answer "
        f"{b['start_after_restore_ms']:.0f} ms after the start; peak {b['peak_mib']:.0f} MiB.",
    ]


def of_jobs(j):
    """Bulk changes."""
    kinds = ("enable", "enable again", "disable")
    lines = ["", f"### Bulk changes over {j['organizations']:,} organizations", ""]
    lines += ["| | seconds | another write, ms |", "|---|---|---|"]
    lines += [f"| {kind} | {j[kind]['seconds']:.1f} | {j[kind]['write_ms'] or 0:.1f} |" for kind in kinds]
    lines.append(f"| dry run of enable | {j['dry_run_seconds']:.1f} | |")
    lines += ["", f"Without a job, a write takes {j['idle_write_ms']:.1f} ms; peak {j['peak_mib']:.0f} MiB."]
    return lines


def of_forward_auth(f):
    """Proxies that ask about each request."""
    lines = ["", "### Proxies that ask about each request, no logs", ""]
    lines += [
        "| proxy | asks | µs a request | of it the server that is asked | × (least–most) "
        "| requests/s | p99 ms | p99 ms at a set rate |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for proxy in ("nginx", "Caddy"):
        ratios = f[proxy]["ratios"]
        ratio = f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        lines += [
            f"| {proxy} | {name} | {m['total_us']:.1f} | {m['noop_us']:.1f} "
            f"| {ratio if name == 'Portcullis' else '1.00'} | {m['per_second']:,.0f} "
            f"| {m['p99_ms']:.2f} | {m['paced_p99_ms']:.2f} |"
            for name, m in f[proxy]["rows"].items()
        ]
    asked = f["asked"]
    alone = " and ".join(f"{us:.0f} µs by {name}" for name, us in asked["p99_us"].items())
    return lines + [
        "",
        "The proxies run with the examples that are shipped, and the no-op answers with the fields of "
        f"Portcullis. Asked directly by 64 connections, {asked['per_second']:,.0f} times a second in all, "
        f"99 of 100 are answered within {alone}.",
    ]


def of_directory(d):
    """The part about many organizations and portal users."""
    lines = [
        "",
        f"## {d['users']:,} portal users, {d['organizations']:,} organizations",
        "",
        "| request to the admin API | median ms | p99 ms |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {f['median_ms']:.2f} | {f['p99_ms']:.2f} |" for name, f in d["answers"].items()]
    lines += ["", "| page of the admin UI | median ms | p99 ms |", "|---|---|---|"]
    lines += [f"| {name} | {f['median_ms']:.1f} | {f['p99_ms']:.1f} |" for name, f in d["pages"].items()]
    memory = "; ".join(f"{mib:.0f} MiB {when}" for when, mib in d["memory"].items())
    paging = ", ".join(f"{path} in {seconds:.0f} s" for path, seconds in d["paging_seconds"].items())
    filled = f" Filled in {d['fill_seconds']:.0f} s." if d["fill_seconds"] else ""
    return lines + [
        "",
        f"Resident: {memory}; {d['peak_mib']:.0f} MiB at the most. Whole lists, 1,000 a page: {paging}. "
        f"First answer {d['start_ms']:.0f} ms after the start (the first one: "
        f"{d['first_start_ms']:.0f} ms), {d['start_after_kill_ms']:.0f} ms after a kill. "
        f"{d['store_mib']:.0f} MiB on disk.{filled}",
    ]


def failures(found):
    """Parts that could not be measured."""
    if not found:
        return []
    lines = ["", "## Not measured", ""]
    return lines + [f"- {part}: {message}" for part, message in found.items()]


def targets(results):
    """(what, target, measured, met) for each target whose part has run."""
    found = []
    if "gateways" in results:
        rows = {(row["name"], row["logs"]): row for row in results["gateways"]["rows"]}
        for logs in ("logs", "no logs"):
            m = rows["Portcullis", logs]["median"]
            ratio, auth = m["to_nginx"], m["to_auth_request"]
            bare = m["to_auth_request_without_noop"]
            found += [
                (f"authorized request, {logs}", "≤ 1.4 × nginx", f"{ratio:.2f} ×", ratio <= 1.4),
                (
                    f"authorized request, {logs}",
                    "≤ 0.65 × auth_request",
                    f"{auth:.2f} × ({bare:.2f} × without the no-op's own time)",
                    auth <= 0.65,
                ),
            ]
        idle = rows["Portcullis", "logs"]["idle"]["rss"]
        found.append(("resident at idle after start", "≤ 20 MiB", f"{idle:.1f} MiB", idle <= 20))
    for part, its_targets in (
        ("protocols", protocol_targets),
        ("connections", connection_targets),
        ("reloads", reload_targets),
    ):
        if part in results:
            found += its_targets(results[part])
    if "decision" in results:
        by_routes = {
            int(name.split()[1]): ns
            for name, ns in results["decision"].items()
            if name.startswith("decision ")
        }
        thousand, spread = by_routes[1000], max(by_routes.values()) / min(by_routes.values())
        found += [
            ("decision, 1,000 routes", "≤ 1 µs", f"{thousand:.0f} ns", thousand <= 1000),
            ("decision, 10 to 10,000 routes", "within 1.5 ×", f"{spread:.2f} ×", spread <= 1.5),
        ]
    # Of a quick run with fewer of them there is nothing to say here.
    if "sessions" in results and results["sessions"]["count"] >= 100_000:
        live = results["sessions"]["live"]["rss"]
        what = f"{results['sessions']['count']:,} live sessions"
        found.append((what, "< 150 MiB", f"{live:.1f} MiB", live < 150))
    if "storm" in results:
        for figure in results["storm"]["figures"]:
            ratio = figure["p99_ratio"]
            what = f"p99 in a sign-in storm, {figure['connections']} connections"
            found.append((what, "≤ 2 ×", f"{ratio:.2f} ×", ratio <= 2))
    if "abuse" in results:
        figures = results["abuse"]
        mib = max(f["mib"] for f in figures)
        at_once = max(f["portal_at_once"] for f in figures)
        served = all(f["signed_in_status"] == 200 for f in figures)
        found += [
            ("memory of an attack", "≤ 100 MiB", f"{mib:.0f} MiB", mib <= 100),
            # A connection that a signed-in user needs is counted too.
            ("connections of an address to the portal", "≤ 257", f"{at_once}", at_once <= 257),
            ("a signed-in user meanwhile", "served", "served" if served else "refused", served),
        ]
    if "directory" in results and results["directory"]["users"] >= 1_000_000:
        d = results["directory"]
        for name in FAST:
            times = d["answers"].get(name)
            if times is None:
                found.append((name, "< 20 ms", "not measured", False))
                continue
            measured = f"{times['median_ms']:.1f} ms, p99 {times['p99_ms']:.1f} ms"
            found.append((name, "< 20 ms", measured, times["p99_ms"] < 20))
        slowest = max(d["pages"], key=lambda page: d["pages"][page]["p99_ms"])
        times = d["pages"][slowest]
        measured = f"{times['median_ms']:.1f} ms, p99 {times['p99_ms']:.1f} ms ({slowest})"
        found.append(("every page of the admin UI", "< 50 ms", measured, times["p99_ms"] < 50))
        what = "resident with 1,000,000 portal users and 100,000 organizations"
        most = max(d["memory"].values())
        found.append((what, "< 400 MiB", f"{most:.0f} MiB", most < 400))
    if "backup" in results and results["backup"]["users"] >= 1_000_000:
        b = results["backup"]
        seconds, ratio, most = b["seconds"], b["p99_ratio"], b["during"]["write_max_ms"]
        what = f"backup of {b['users']:,} portal users"
        found += [
            (what, "< 60 s", f"{seconds:.1f} s", seconds < 60),
            (f"p99 of requests during a {what}", "≤ 1.5 × quiet", f"{ratio:.2f} ×", ratio <= 1.5),
            (f"longest write during a {what}", "≤ 200 ms", f"{most:.0f} ms", most <= 200),
        ]
    if "forward-auth" in results:
        f = results["forward-auth"]
        for proxy in ("nginx", "Caddy"):
            ratio, more = median(f[proxy]["ratios"]), f[proxy]["paced_p99_more_us"]
            what = f"{proxy} that asks Portcullis"
            found.append((what, "≤ 1.15 × a no-op", f"{ratio:.2f} ×", ratio <= 1.15))
            found.append((f"p99 of {what}", "≤ 150 µs more", f"{more:.0f} µs", more <= 150))
        more = f["asked"]["p99_more_us"]
        found.append(("p99 of a decision, asked directly", "≤ 150 µs more", f"{more:.0f} µs", more <= 150))
    if "jobs" in results and results["jobs"]["organizations"] >= 10_000:
        seconds = results["jobs"]["enable"]["seconds"]
        found.append(("bulk enable over 10,000 organizations", "< 60 s", f"{seconds:.1f} s", seconds < 60))
    if "audit" in results:
        seconds = results["audit"]["verify_seconds"]
        found.append(("1,000,000 audit entries verified", "< 3 s", f"{seconds:.2f} s", seconds < 3))
    if "import" in results and results["import"]["users"] >= 100_000:
        i = results["import"]
        what = f"import of {i['users']:,} invited users from a CSV file"
        found.append((what, "< 60 s", f"{i['seconds']:.0f} s", i["seconds"] < 60))
    if "startup" in results and results["startup"]["users"] >= 100_000:
        s = results["startup"]
        what = f"serving after start with {s['users']:,} portal users"
        found.append((what, "≤ 300 ms", f"{s['median_ms']:.0f} ms", s["median_ms"] <= 300))
    return found
