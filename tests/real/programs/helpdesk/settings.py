"""Settings of a Django project with django-helpdesk, as an operator writes them for a gateway."""

import os
from pathlib import Path

FOLDER = Path(os.environ["HELPDESK_FOLDER"])

SECRET_KEY = "for tests only"
DEBUG = False
ROOT_URLCONF = "urls"
WSGI_APPLICATION = None
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

# The hosts of `server.public_url` and `server.hosts`.
ALLOWED_HOSTS = ["portal.test", "127.0.0.1"]
# The gateway always sets it, and removes what clients send.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "rest_framework",
    "helpdesk",
]
MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "identity.GatewayUserMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
# Without ModelBackend, Django accepts no passwords.
AUTHENTICATION_BACKENDS = ["identity.GatewayUserBackend"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api_identity.GatewayAuthentication"],
}
LOGIN_URL = "/.portcullis/sign-in"
SITE_ID = 1

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "helpdesk.sqlite3"},
}
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = FOLDER / "mail"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
MEDIA_URL = "/media/"
MEDIA_ROOT = FOLDER / "media"

HELPDESK_VIEW_A_TICKET_PUBLIC = True
HELPDESK_SUBMIT_A_TICKET_PUBLIC = True
HELPDESK_ENABLE_PASSWORD_RESET = False
HELPDESK_KANBAN_ENABLED = True
HELPDESK_TEAMS_MODE_ENABLED = False
