"""
Notes of several tenants: Django and psycopg2 behind PgBouncer in transaction mode. pgaccount says who is asking.
"""

import functools
import json
import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection, models, transaction
from django.http import JsonResponse
from django.urls import path

settings.configure(
    SECRET_KEY="signs nothing here",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("PGHOST", ""), "PORT": os.environ.get("PGPORT", ""),
        "NAME": os.environ.get("PGDATABASE", "notes"), "USER": "notes_web",
        "CONN_MAX_AGE": None,                   # connections to PgBouncer are kept
        "DISABLE_SERVER_SIDE_CURSORS": True,    # its server connections are another's between transactions
    }},
)
django.setup()


class Note(models.Model):
    """Tenant and author come from the identity, by the defaults of their columns: Django knows nothing of them."""
    body = models.TextField()

    class Meta:
        app_label, db_table, managed = "notes", "notes", False


def rows(sql, *values):
    """What a call of pgaccount returns, as dictionaries."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


def answers(public):
    """A request is a transaction, of whoever its token says; what it raises is an HTTP status."""
    def decorate(view):
        @functools.wraps(view)
        def answer(request):
            try:
                with transaction.atomic():
                    if not public:
                        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
                        rows("SELECT account.authenticate(%s)", token)
                    data = view(request, json.loads(request.body or "{}"))
            except DatabaseError as error:
                state = getattr(error.__cause__, "pgcode", None) or ""
                status = int(state[2:]) if state.startswith("PT") else 500
                return JsonResponse({"error": str(error.__cause__).split("\n")[0]}, status=status)
            # a refused login is a row with a status, not an error: what it has learnt is committed
            return JsonResponse(data, status=data["status"] if public else 200, safe=False)
        return answer
    return decorate


@answers(public=True)
def login(request, body):
    return rows("SELECT * FROM account.login(%s, %s, %s, %s, %s)", body.get("login"), body.get("password"),
                request.META["REMOTE_ADDR"], request.headers.get("User-Agent"), body.get("tenant"))[0]


@answers(public=True)
def refresh(request, body):
    return rows("SELECT * FROM account.refresh(%s)", body.get("refresh_token"))[0]


@answers(public=True)
def switch(request, body):
    return rows("SELECT * FROM account.switch_tenant(%s, %s)", body.get("refresh_token"), body.get("tenant", ""))[0]


@answers(public=False)
def tenants(request, body):
    return rows("SELECT tenant, tenant_role, is_active, is_current FROM account.memberships() ORDER BY tenant")


@answers(public=False)
def notes(request, body):
    if request.method == "POST":
        Note.objects.create(body=body["body"])
    return [note.body for note in Note.objects.order_by("id")]


urlpatterns = [path(view.__name__, view) for view in (login, refresh, switch, tenants, notes)]
application = get_wsgi_application()
