"""The same application with pgaccount: all that changes."""

from school.settings import *  # noqa: F401,F403
from school.settings import SIMPLE_JWT

# Tokens are made by account.login and read by simplejwt: the user is in sub, there is one type of them.
SIMPLE_JWT = dict(
    SIMPLE_JWT,
    USER_ID_CLAIM="sub",
    TOKEN_TYPE_CLAIM=None,
    TOKEN_OBTAIN_SERIALIZER="school.settings_serializer.LoginSerializer",
)

# Argon2 at the cost of pgaccount, so that neither side hashes anew what the other has hashed.
PASSWORD_HASHERS = [
    "school.settings_hasher.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
