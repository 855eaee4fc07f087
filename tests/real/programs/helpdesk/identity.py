"""The user of a request is the one whom the gateway names."""

from django.contrib.auth.backends import RemoteUserBackend
from django.contrib.auth.middleware import RemoteUserMiddleware


def text(value):
    """WSGI decodes header fields as Latin-1; the gateway sends UTF-8."""
    return value.encode("latin-1").decode("utf-8")


class GatewayUserBackend(RemoteUserBackend):
    def clean_username(self, username):
        return text(username)


class GatewayUserMiddleware(RemoteUserMiddleware):
    header = "HTTP_PORTCULLIS_USER"

    def process_request(self, request):
        super().process_request(request)
        # RemoteUserBackend sets these only when a session of Django's begins; the group may change
        # during one.
        user = request.user
        if user.is_authenticated:
            is_staff = request.META.get("HTTP_PORTCULLIS_GROUP") == "admin"
            email = text(request.META.get("HTTP_PORTCULLIS_EMAIL", ""))
            if (user.is_staff, user.email) != (is_staff, email):
                user.is_staff, user.email = is_staff, email
                user.save(update_fields=["is_staff", "email"])
