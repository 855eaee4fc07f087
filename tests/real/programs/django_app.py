"""A small portal with Django: `python3 django_app.py HOST PORT`. Every path ends in a slash, and
one that does not is redirected, as in most Django sites."""

import sys

import django
from django.conf import settings
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    APPEND_SLASH=True,
    DEBUG=False,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
)


def says(text):
    return lambda request: HttpResponse(text)


def tickets(request):
    if request.method == "POST":
        return HttpResponseRedirect("/tickets/8/")
    return HttpResponse("list of tickets")


def upload(request):
    file = request.FILES["upload"]
    return HttpResponse(f"{file.name} has {file.size} bytes", status=201)


urlpatterns = [
    path("", says("start")),
    path("FAQ/", says("questions")),
    path("tickets/", tickets),
    path("tickets/new/", says("new ticket form")),
    path("tickets/<str:ticket>/", lambda request, ticket: HttpResponse(f"ticket [{ticket}]")),
    path("files/", upload),
    path("files/<str:name>", lambda request, name: HttpResponse(f"file [{name}]")),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    django.setup()
    server = WSGIServer((sys.argv[1], int(sys.argv[2])), Quiet)
    server.set_app(get_wsgi_application())
    server.serve_forever()
