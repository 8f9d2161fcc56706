#!/usr/bin/python3
"""Sends what the outbox of an application holds (doc/recipes.md, "Mails"), as it comes in.

    DSN='dbname=app user=mailer' SMTP=localhost:25 FROM=no-reply@example.com URL=https://example.com mailer.py

A row is removed by the transaction that has sent it: a mail is sent at least once, and of several mailers each takes
rows that no other has. A mail that the server refuses stays, and is tried again later; the token is in no log.
"""

import os
import select
import smtplib
import sys
from email.message import EmailMessage

import psycopg2
import psycopg2.extensions

TEXTS = {
    "password_reset": ("Set a new password", "Somebody asked for a new password of your account. If it was you, follow {url}/reset#{token}"),
    "email": ("Confirm your email", "If this is your email, follow {url}/email#{token}"),
    "deletion": ("Delete your account", "If you want your account to be deleted, follow {url}/delete#{token}"),
    "password_changed": ("Your password was changed", "If it was not you, ask for a new one: {url}/forgot"),
}
TAKE = "SELECT id, kind, email, token FROM app.outbox WHERE at > now() - interval '1 day' ORDER BY id LIMIT 1 OFFSET %s FOR UPDATE SKIP LOCKED"


def compose(kind, to, token, sender, url):
    subject, text = TEXTS[kind]
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, sender, to
    message.set_content(text.format(url=url, token=token))
    return message


def send_one(connection, send, skip):
    """Send the first mail that nobody else is at, after so many that were refused. False: there is none."""
    with connection, connection.cursor() as cursor:
        cursor.execute(TAKE, (skip,))
        row = cursor.fetchone()
        if row is None:
            return False
        send(*row[1:])
        cursor.execute("DELETE FROM app.outbox WHERE id = %s", (row[0],))
        return True


def send_all(connection, send):
    """Send what is there; returns how many were sent and how many refused."""
    sent = refused = 0
    while True:
        try:
            if not send_one(connection, send, refused):
                return sent, refused
            sent += 1
        except smtplib.SMTPException as error:
            refused += 1
            print("a mail was refused: %s" % type(error).__name__, file=sys.stderr, flush=True)


def main():
    host, _, port = os.environ.get("SMTP", "localhost:25").partition(":")
    sender, url = os.environ["FROM"], os.environ["URL"]

    def send(kind, to, token):
        with smtplib.SMTP(host, int(port or 25), timeout=30) as server:
            server.send_message(compose(kind, to, token, sender, url))

    listener = psycopg2.connect(os.environ["DSN"])
    listener.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
    with listener.cursor() as cursor:
        cursor.execute("LISTEN app_outbox")
    connection = psycopg2.connect(os.environ["DSN"])
    while True:
        send_all(connection, send)
        select.select([listener], [], [], 60)  # what was refused is tried again each minute
        listener.poll()
        listener.notifies.clear()


if __name__ == "__main__":
    main()
