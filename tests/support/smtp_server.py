"""A mail server for tests: Debian's aiosmtpd with TLS and a password.

It says on standard output where it listens, then tells each mail that it takes, a JSON line each.
"""

import argparse
import asyncio
import json
import logging
import ssl
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER = "portal"
PASSWORD = "Correct horse 7!"


class Inbox:
    """Takes every mail of whoever may send, but from and to no address that is to be refused."""

    def __init__(self, refused, answer):
        self.refused = refused
        self.answer = answer

    async def handle_MAIL(self, server, session, envelope, address, options):
        if address in self.refused:
            return self.refused[address]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        tell(
            {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "data": envelope.original_content.decode("utf-8"),
                "hello": session.host_name,
            }
        )
        if self.answer == "late":
            await asyncio.sleep(1)
        if self.answer == "hangup":
            server.transport.abort()
        return "250 taken"


class Server(SMTP):
    """Says what it says in the manner that is asked for."""

    async def push(self, status):
        if isinstance(status, str):
            status = status.encode()
        if self.event_handler.answer == "latin1":
            status += " f\u00fcr Sie".encode("latin-1")
        if self.event_handler.answer == "bare" and status == b"250 taken":
            status = b"250"
        await super().push(status)


def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)


def tell(document):
    print(json.dumps(document), flush=True)


async def main(arguments):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.certificate, arguments.key)
    starttls = arguments.security == "starttls"

    def protocol():
        return Server(
            Inbox(dict(arguments.refuse), arguments.answer),
            hostname="localhost",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=True,
            # aiosmtpd knows of TLS only what began with STARTTLS.
            auth_require_tls=starttls,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        protocol,
        "127.0.0.1",
        arguments.port,
        ssl=context if arguments.security == "tls" else None,
    )
    tell({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


# What it thinks of its clients and of its own settings is not what the tests are about.
logging.disable()
warnings.simplefilter("ignore")

parser = argparse.ArgumentParser()
parser.add_argument("--certificate", required=True)
parser.add_argument("--key", required=True)
parser.add_argument("--security", choices=["starttls", "tls", "none"], required=True)
parser.add_argument("--port", type=int, default=0)
parser.add_argument(
    "--refuse", nargs=2, metavar=("ADDRESS", "REPLY"), action="append", default=[]
)
# How it answers: late, with text that is not UTF-8, with a bare code, or not at all after a mail.
parser.add_argument("--answer", choices=["late", "latin1", "bare", "hangup"])
asyncio.run(main(parser.parse_args()))
