"""A small portal with Django that takes the user from `gateway.py` in the folder: `python3
django_app.py HOST PORT FOLDER`."""

import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

host, port, folder = sys.argv[1:]
sys.path.insert(0, folder)
settings.configure(
    ALLOWED_HOSTS=["*"],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.RemoteUserBackend"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "gateway.AssertionMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
)


def who(request):
    group = getattr(request, "gateway", {}).get("group")
    return HttpResponse(f"user [{request.user.get_username()}] group [{group}]")


urlpatterns = [path("", who), path("open/", who)]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    server = WSGIServer((host, int(port)), Quiet)
    server.set_app(get_wsgi_application())
    server.serve_forever()
