"""The user of a request to the API is the one whom the gateway names."""

from rest_framework.authentication import SessionAuthentication


class GatewayAuthentication(SessionAuthentication):
    def enforce_csrf(self, request):
        # Programs with a token have no cookies, and so no token against forged requests.
        if request.META.get("HTTP_PORTCULLIS_SESSION_KIND") != "token":
            super().enforce_csrf(request)
