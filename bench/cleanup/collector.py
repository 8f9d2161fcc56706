"""Remove one organisation of bench/cleanup/tables.sql with Django's own Collector, and roll it back.

Usage: collector.py database schema. Prints the milliseconds it took.
"""

import sys
import time

import django
from django.apps import AppConfig
from django.conf import settings


class Crm(AppConfig):
    name = label = "crm"
    path = "."


# the Collector follows the models of installed applications
settings.configure(
    INSTALLED_APPS=[Crm("crm", sys.modules["__main__"])],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": sys.argv[1],
            "OPTIONS": {"options": "-c search_path=" + sys.argv[2]},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import connection, models, transaction  # noqa: E402


class Organization(models.Model):
    name = models.TextField()

    class Meta:
        app_label, db_table = "crm", "organization"


class User(models.Model):
    organization = models.ForeignKey(Organization, models.CASCADE)
    email = models.TextField(null=True)
    pad = models.TextField(null=True)

    class Meta:
        app_label, db_table = "crm", "users"


class Client(models.Model):
    organization = models.ForeignKey(Organization, models.CASCADE)
    owner = models.ForeignKey(User, models.CASCADE)
    pad = models.TextField(null=True)

    class Meta:
        app_label, db_table = "crm", "clients"


class Deal(models.Model):
    client = models.ForeignKey(Client, models.CASCADE)
    created_by = models.ForeignKey(User, models.CASCADE, db_column="created_by")
    pad = models.TextField(null=True)

    class Meta:
        app_label, db_table = "crm", "deals"


class Payment(models.Model):
    deal = models.ForeignKey(Deal, models.CASCADE)
    amount = models.DecimalField(max_digits=20, decimal_places=2, null=True)
    pad = models.TextField(null=True)

    class Meta:
        app_label, db_table = "crm", "payments"


class RolledBack(Exception):
    pass


try:
    with transaction.atomic():
        organization = Organization.objects.get(pk=1)
        begin = time.monotonic()
        organization.delete()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as its COMMIT does
        milliseconds = (time.monotonic() - begin) * 1000
        assert not User.objects.filter(organization_id=1).exists()
        raise RolledBack
except RolledBack:
    print("%.3f" % milliseconds)
