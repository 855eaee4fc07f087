"""A certificate of the benchmark, and what clients of TLS use."""

import os
import ssl
import subprocess

from gateways import HOST
from load import GROUP, SUITE
from processes import Failure

CLIENT = f"""openssl_conf = client
[client]
ssl_conf = defaults
[defaults]
system_default = offered
[offered]
MinProtocol = TLSv1.3
Ciphersuites = {SUITE}
Groups = {GROUP}
"""


class Certificate:
    """A self-signed certificate (ECDSA, P-256) and its key, as files of a folder."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "portal.crt"
        self.key = folder / "portal.key"
        self.pair = folder / "portal.pem"  # both, as HAProxy reads them
        self.renew()
        settings = folder / "client.cnf"
        settings.write_text(CLIENT)
        # Programs that use OpenSSL offer what these settings say.
        self.client = {"OPENSSL_CONF": str(settings)}

    def renew(self):
        """Writes another certificate with another key; returns the certificate (PEM)."""
        new = {path: path.with_name(f"{path.name}.new") for path in (self.certificate, self.key)}
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "30", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
                "-keyout", new[self.key], "-out", new[self.certificate],
            ],
            stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        text = new[self.certificate].read_text()
        self.pair.write_text(text + new[self.key].read_text())
        for path, written in new.items():
            os.replace(written, path)
        return text

    def require_same(self, name, port):
        """Fails unless a gateway does the same work for a handshake as all others."""
        line = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-alpn", "h2"]
        run = subprocess.run(
            [*line, "-servername", HOST],
            env={**os.environ, **self.client},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        agreed = (
            f"New, TLSv1.3, Cipher is {SUITE}",
            "Peer signature type: ECDSA",
            f"Server Temp Key: {GROUP},",
            "ALPN protocol: h2",
        )
        for line in agreed:
            if line not in run.stdout:
                raise Failure(f"{name}: no `{line}` in\n{run.stdout}{run.stderr}")


def trusting():
    """A client that takes any certificate: those of the benchmark are self-signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
