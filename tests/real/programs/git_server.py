"""A repository over HTTP: `python3 git_server.py HOST PORT FOLDER`. `git http-backend` serves it.

A push is allowed for the user whom `Portcullis-User` names. A request with `Authorization` is noted
in the file `authorization`, which must never exist."""

import http.server
import os
import pathlib
import subprocess
import sys

host, port, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
settings = {
    "HOME": str(folder),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Starter",
    "GIT_AUTHOR_EMAIL": "starter@acme.test",
    "GIT_COMMITTER_NAME": "Starter",
    "GIT_COMMITTER_EMAIL": "starter@acme.test",
    "PATH": os.environ["PATH"],
}


def git(*arguments, cwd=folder):
    subprocess.run(["git", *arguments], cwd=cwd, env=settings, check=True)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Authorization"):
            (folder / "authorization").write_text(self.path)
        if self.path == "/ready":
            return self.answer("200 OK", [], b"ready")
        path, _, query = self.path.partition("?")
        environment = settings | {
            "GIT_PROJECT_ROOT": str(folder / "repositories"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path.removeprefix("/git"),
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": self.headers.get("Portcullis-User", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        backend = ["git", "http-backend"]
        done = subprocess.run(backend, env=environment, input=body, stdout=subprocess.PIPE)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n") if line]
        status = next((value for name, value in fields if name == "Status"), "200 OK")
        self.answer(status, [field for field in fields if field[0] != "Status"], body)

    do_POST = do_GET

    def answer(self, status, fields, body):
        code, reason = status.split(" ", 1)
        self.send_response(int(code), reason)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


first = folder / "first"
git("init", "--quiet", "--initial-branch=main", str(first))
(first / "README").write_text("Acme\n")
git("add", "README", cwd=first)
git("commit", "--quiet", "--message", "Begin", cwd=first)
git("clone", "--quiet", "--bare", str(first), str(folder / "repositories/site.git"))
http.server.ThreadingHTTPServer((host, port), Handler).serve_forever()
