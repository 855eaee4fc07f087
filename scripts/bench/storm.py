"""A sign-in storm: what hashing does to everybody else's requests."""

import threading
import time
from statistics import median

from client import Browser
from gateways import HOST, PUBLIC_URL
from load import CONNECTIONS, wrk
from people import PASSWORD, STORM_CLIENTS
from processes import Failure, say
from turns import PATH


def storm(bench, policies, seed, rounds, seconds):
    """What people who sign in without pause do to everybody else's requests.

    With as many connections as everywhere here, which uses the machine up, and with a few, which
    leaves room, so that waiting for a processor shows.
    """
    gateway = seed.start(bench.portcullis("storm", policies))
    headers = {"Host": HOST, "Cookie": seed.cookie}
    figures = []
    for connections in (CONNECTIONS, 4):
        runs = []
        for _ in range(rounds):
            quiet = wrk(gateway.port, PATH, headers, seconds, connections)
            clients = Storm(gateway.port)
            try:
                loud = wrk(gateway.port, PATH, headers, seconds, connections)
            finally:
                signed = clients.stop()
            runs.append({
                "quiet": quiet,
                "storm": loud,
                "p99_ratio": loud["p99_ms"] / quiet["p99_ms"],
                **signed,
            })
            say(
                f"storm, {connections} connections: p99 {quiet['p99_ms']:.2f} -> "
                f"{loud['p99_ms']:.2f} ms, {signed['sign_ins_per_second']:.0f} sign-ins/s"
            )
        figures.append({
            "connections": connections,
            "p99_quiet_ms": median(run["quiet"]["p99_ms"] for run in runs),
            "p99_storm_ms": median(run["storm"]["p99_ms"] for run in runs),
            "p99_ratio": median(run["p99_ratio"] for run in runs),
            "per_second_quiet": median(run["quiet"]["per_second"] for run in runs),
            "per_second_storm": median(run["storm"]["per_second"] for run in runs),
            "sign_ins_per_second": median(run["sign_ins_per_second"] for run in runs),
            "runs": runs,
        })
    peak = gateway.process.peak_memory()
    gateway.stop()
    return {"clients": STORM_CLIENTS, "peak_memory": peak, "figures": figures}


class Storm:
    """People who sign in again and again with the right password, each from an address of their
    own: from one address so many at once are held to be guesses."""

    def __init__(self, port):
        self.ended = threading.Event()
        self.answers = []
        self.errors = []
        browsers = [
            Browser(port, PUBLIC_URL, f"storm-{number}", PASSWORD, f"127.0.1.{number + 1}")
            for number in range(STORM_CLIENTS)
        ]
        for browser in browsers:
            browser.open_form()
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self._run, args=(b,)) for b in browsers]
        for thread in self.threads:
            thread.start()

    def _run(self, browser):
        try:
            while not self.ended.is_set():
                status, cookie = browser.sign_in()
                self.answers.append((status, cookie is not None))
        except Exception as error:  # told by stop(), which fails for it
            self.errors.append(error)

    def stop(self):
        """Ends the storm; every sign-in must have succeeded."""
        self.ended.set()
        for thread in self.threads:
            thread.join()
        took = time.monotonic() - self.began
        wrong = [answer for answer in self.answers if answer != (303, True)]
        if self.errors or wrong or not self.answers:
            raise Failure(f"sign-ins failed: {self.errors[:3]} {wrong[:3]} of {len(self.answers)}")
        return {"sign_ins": len(self.answers), "sign_ins_per_second": len(self.answers) / took}
