"""Settings for Django's own suite: two databases of the server that the environment names, made from a template."""

import os

DATABASES = {
    alias: {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "suite_" + alias,
        "USER": os.environ["SUITE_ROLE"],
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ.get("PGPORT", "5432"),
        "TEST": {"NAME": "suite_" + alias, "TEMPLATE": os.environ["SUITE_TEMPLATE"]},
    }
    for alias in ("default", "other")
}
SECRET_KEY = "of the suite"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "runner.Runner"
