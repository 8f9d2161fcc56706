"""
What tests of whole applications share: TAP, a browser of forms and JSON, the database behind, a process that serves.
"""

import http.cookiejar
import html.parser
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import psycopg2

tmp = os.environ.get("TMPDIR", "/tmp")


def die(why):
    """End with one line that says why: a registry that is not there is a failure, not a skip."""
    print("Bail out! " + why.replace("\n", " "))
    raise SystemExit(1)


def command(*args, **more):
    """The output of a program, or RuntimeError with what it said."""
    result = subprocess.run(args, capture_output=True, text=True, **more)
    if result.returncode != 0:
        raise RuntimeError("%s: %s" % (args[0], (result.stderr + result.stdout)[-4000:]))
    return result.stdout


class Database:
    """A database whose owner is the application's own role, which is no superuser."""

    def __init__(self, name, role):
        self.name = name
        self.role = role
        # the server is reached by a socket; its port is free as a number of the network, too
        self.port = int(os.environ.get("PGPORT", "5432"))
        admin = self.admin()
        with admin.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
            if cursor.fetchone() is None:
                cursor.execute('CREATE ROLE "%s" LOGIN' % role)
            cursor.execute('DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % name)
            cursor.execute('CREATE DATABASE "%s" OWNER "%s"' % (name, role))
        admin.close()
        self.connection = None
        self.connect()

    @staticmethod
    def admin():
        """A connection of the superuser to another database."""
        connection = psycopg2.connect(dbname="postgres")
        connection.autocommit = True
        return connection

    def connect(self):
        self.connection = psycopg2.connect(dbname=self.name)
        self.connection.autocommit = True

    def sql(self, statement, *values):
        """The rows of a superuser's statement, or the one value of it."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            if cursor.description is None:
                return None
            rows = cursor.fetchall()
        return rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else rows

    def error(self, statement, *values):
        """The SQLSTATE of a superuser's statement, or None."""
        try:
            self.sql(statement, *values)
        except psycopg2.Error as error:
            return error.pgcode
        return None

    def script(self, file, role=None):
        """Run a file as psql does, as the application's own role where no other is named."""
        command("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", role or self.role, "-d", self.name, "-f", file,
                env=dict(os.environ, PGOPTIONS="-c client_min_messages=warning"))

    def findings(self):
        """What the doctor says: code and object of each finding."""
        return sorted((code, thing) for code, thing in self.sql("SELECT code, object FROM account.doctor() UNION ALL SELECT NULL, NULL")
                      if code is not None)

    def dump(self, file):
        """pg_dump as the application's own role."""
        command("pg_dump", "-Fc", "-U", self.role, "-f", file, self.name)

    def copy(self, name):
        """This database as a dump by the application's own role restores it."""
        file = os.path.join(tmp, name + ".dump")
        self.dump(file)
        other = Database(name, self.role)
        command("pg_restore", "-e", "-d", name, file)
        return other

    def close(self):
        self.connection.close()


class Form(html.parser.HTMLParser):
    """The hidden fields and links of a page."""

    def __init__(self, text):
        super().__init__()
        self.fields = {}
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "input" and attrs.get("type") == "hidden" and attrs.get("name"):
            self.fields.setdefault(attrs["name"], attrs.get("value") or "")
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


class Browser:
    """Somebody's browser: keeps cookies, follows redirects where told, sends forms with what hides in them."""

    def __init__(self, base):
        self.base = base
        self.cookies = http.cookiejar.CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self.cookies)
        self.follow = urllib.request.build_opener(handler)
        self.stay = urllib.request.build_opener(handler, NoRedirect)
        self.location = None

    def request(self, method, path, body=None, headers=None, follow=False):
        """Status and text."""
        url = path if path.startswith("http") else self.base + path
        request = urllib.request.Request(url, body, headers or {}, method=method)
        request.add_header("Referer", url)
        try:
            answer = (self.follow if follow else self.stay).open(request, timeout=120)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read().decode("utf-8", "replace")
        self.location = answer.headers.get("Location")
        return answer.status if hasattr(answer, "status") else answer.code, text

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def submit(self, path, fields, page=None, follow=False):
        """Send a form of a page, by default of the one that it is sent to."""
        status, text = self.get(page or path, follow=True)
        if status != 200:
            return status, text
        data = dict(Form(text).fields)
        data.update(fields)
        return self.request("POST", path, urllib.parse.urlencode(data, doseq=True).encode(),
                            {"Content-Type": "application/x-www-form-urlencoded"}, follow=follow)

    def json(self, method, path, data=None, token=None, headers=None):
        """Status and what the answer says."""
        headers = dict(headers or {}, **{"Accept": "application/json"})
        if data is not None:
            headers["Content-Type"] = "application/json"
        if token is not None:
            headers["Authorization"] = token if " " in token else "Bearer " + token
        status, text = self.request(method, path, json.dumps(data).encode() if data is not None else None, headers)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that serves HTTP until the end of the test."""

    def __init__(self, args, port, ready="/", seconds=60, **more):
        self.base = "http://127.0.0.1:%d" % port
        self.log = os.path.join(tmp, "server%d.log" % port)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log, start_new_session=True, **more)
        end = time.time() + seconds
        while True:
            try:
                answer = Browser(self.base).get(ready)
                if answer[0] < 500:
                    return
            except OSError as error:
                answer = error
            if self.process.poll() is not None or time.time() > end:
                self.stop()
                raise RuntimeError("%s did not start: %s\n%s" % (args[0], answer, self.said()))
            time.sleep(0.1)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(20)


def csrf(text):
    """The token of the first form of a page of Django's or Rails'."""
    found = re.search(r'name="(?:csrfmiddlewaretoken|authenticity_token)" value="([^"]+)"', text)
    return found.group(1) if found else None
