"""For settings_pgaccount.py: tokens come from account.login."""

from django.db import connection
from rest_framework import serializers
from rest_framework.exceptions import APIException


class LoginSerializer(serializers.Serializer):
    username = serializers.CharField()
    password = serializers.CharField()

    def validate(self, data):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT status, error, access_token, refresh_token FROM account.login(%s, %s)",
                [data["username"], data["password"]],
            )
            status, error, access, refresh = cursor.fetchone()
        if status != 200:
            refusal = APIException(error)
            refusal.status_code = status
            raise refusal
        return {"access": access, "refresh": refresh}
