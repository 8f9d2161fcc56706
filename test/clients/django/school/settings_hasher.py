"""For settings_pgaccount.py: Django's Argon2, at the cost of pgaccount.password_ops and password_memory."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    time_cost = 2
    memory_cost = 65536
    parallelism = 1

    def params(self):
        params = super().params()
        params.hash_len = 32
        return params
