"""A Django project with the middleware of the recipe, and a view of REST framework with its mixin."""

import os
import types

from django.conf import settings

settings.configure(
    SECRET_KEY="of the test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="django_app",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
    MIDDLEWARE=["django_app.who", "block.ActAs"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"], "USER": os.environ["PGUSER"],
                           "HOST": os.environ["PGHOST"], "PORT": os.environ.get("PGPORT", "5432"), "CONN_MAX_AGE": None,
                           "ATOMIC_REQUESTS": True}},
)

import django  # noqa: E402

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from block import Acting  # noqa: E402


def user_of(key):
    return types.SimpleNamespace(pk=key, is_authenticated=key is not None, is_active=True)


def who(get_response):
    """In place of Django's AuthenticationMiddleware."""
    def middleware(request):
        request.user = user_of(request.headers.get("X-User"))
        return get_response(request)
    return middleware


class Header(BaseAuthentication):
    """In place of a token of REST framework's, which its views look at, and no middleware."""

    def authenticate(self, request):
        key = request.headers.get("X-Token")
        return (user_of(key), None) if key else None


def run(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0] if cursor.description else None


def asked(request):
    return {"uid": run("SELECT account.uid()")}


def removed(request, key):
    run("DELETE FROM users WHERE id = %s", key)
    if "X-Fail" in request.headers:
        raise RuntimeError("as asked")
    return {"removed": key}


class Asked(Acting, APIView):
    authentication_classes = [Header]

    def get(self, request):
        return Response(asked(request))


class Removed(Acting, APIView):
    authentication_classes = [Header]

    def delete(self, request, key):
        return Response(removed(request, key))


urlpatterns = [
    path("who", lambda request: JsonResponse(asked(request))),
    path("users/<int:key>", lambda request, key: JsonResponse(removed(request, key))),
    path("api/who", Asked.as_view()),
    path("api/users/<int:key>", Removed.as_view()),
]
application = get_wsgi_application()
