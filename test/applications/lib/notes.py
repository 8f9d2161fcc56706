"""
The applications of examples/, each driven over HTTP by the same requests, behind a PgBouncer in transaction mode with fewer
server connections than there are requests at once.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
import uuid

from application import Browser, Database, Server, free_port, tmp
from tap import done, equal, ok

examples = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "examples"))


class Pool:
    """The PgBouncer of examples/pgbouncer.ini, before this server."""

    def __init__(self, database, connections=2):
        bouncer = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
        self.port = free_port()
        self.directory = tempfile.mkdtemp(dir="/tmp")
        with open(os.path.join(examples, "pgbouncer.ini"), encoding="ascii") as file:
            shown = file.read()
        lines = []
        for line in shown.splitlines():
            name = line.partition(" ")[0]
            if name == "notes":
                line = "notes = host=%s port=%d dbname=%s user=notes_web" % (os.environ["PGHOST"], database.port, database.name)
            elif name == "listen_port":
                line = "listen_port = %d" % self.port
            elif name == "default_pool_size":
                line = "default_pool_size = %d" % connections
            lines.append(line)
        with open(os.path.join(self.directory, "users.txt"), "w", encoding="ascii") as file:
            file.write('"notes_web" ""\n')
        lines += ["auth_file = %s/users.txt" % self.directory, "unix_socket_dir =", "logfile = %s/log" % self.directory]
        ini = os.path.join(self.directory, "pgbouncer.ini")
        with open(ini, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        args = [bouncer, "-q", ini]
        if os.geteuid() == 0:    # as which it refuses to run: as who reaches the server's socket
            owner = pwd.getpwuid(os.stat(os.environ["PGHOST"]).st_uid)
            for name in [".", "users.txt", "pgbouncer.ini"]:
                os.chown(os.path.join(self.directory, name), owner.pw_uid, owner.pw_gid)
            args[1:1] = ["-u", owner.pw_name]
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def env(self):
        """What an application finds its database by."""
        return dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(self.port), PGDATABASE="notes", PGUSER="notes_web", PGOPTIONS="",
                    DATABASE_URL="postgresql://notes_web@127.0.0.1:%d/notes?prepared_statements=false&advisory_locks=false" % self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.directory)


class Person:
    """Somebody who is logged in, or was refused."""

    def __init__(self, base, login, password, **more):
        self.http = Browser(base)
        self.status, self.tokens = self.http.json("POST", "/login", dict(more, login=login, password=password))

    def get(self, path):
        return self.http.json("GET", path, token=self.tokens["access_token"])

    def write(self, body):
        return self.http.json("POST", "/notes", {"body": body}, self.tokens["access_token"])

    def go_on(self, path, **more):
        """The next tokens of the session, kept where there are some."""
        status, tokens = self.http.json("POST", path, dict(more, refresh_token=self.tokens["refresh_token"]))
        if status == 200:
            self.tokens = tokens
        return status, tokens.get("error")


def try_it(name, start):
    """start(env, port): the arguments, directory and environment of the process that serves."""
    database = Database("notes_%s_%s" % (name, uuid.uuid4().hex[:8]), "notes_owner")
    database.script(os.path.join(examples, "setup.sql"), role=os.environ.get("PGUSER", "postgres"))
    database.sql("ALTER DATABASE \"%s\" SET pgaccount.password_memory = '8MB'" % database.name)
    pool = Pool(database)
    server = None
    try:
        port = free_port()
        args, directory, env = start(pool.env(), port)
        server = Server(args, port, ready="/notes", seconds=120, cwd=directory, env=env)
        requests(database, server.base, name)
    finally:
        if server is not None:
            server.stop()
        pool.stop()
        database.close()
        admin = Database.admin()
        for statement in ['DROP DATABASE "%s" WITH (FORCE)' % database.name, "DROP ROLE notes_web"]:
            admin.cursor().execute(statement)
        admin.close()
    done()


def requests(database, base, name):
    """What users do, and what they must not see."""
    def log_in(who, **more):
        return Person(base, who + "@notes.test", "a secret of " + who, **more)

    nobody = Browser(base)
    equal(nobody.json("GET", "/notes")[0], 401, name + ": nobody sees nothing")
    equal(nobody.json("POST", "/notes", {"body": "x"})[0], 401, "and writes nothing")
    equal(nobody.json("GET", "/notes", token="x.y.z")[0], 401, "nor does a made-up token")
    status, answer = nobody.json("POST", "/login", {"login": "ann@notes.test", "password": "wrong"})
    equal((status, answer["error"]), (401, "invalid_credentials"), "a wrong password is refused")
    equal(database.sql("SELECT count(*) FROM account.event WHERE type = 'login_failed'"), 1, "which is remembered")

    # logins, one with a choice
    ann, ben = log_in("ann", tenant="river"), log_in("ben")
    equal((ann.status, ben.status), (200, 200), "ann logs in, to a tenant that she names, and ben to his only one")
    equal([row["tenant"] for row in ben.get("/tenants")[1] if row["is_current"]], ["river"], "which it is")
    equal(log_in("ben", tenant="hill").tokens["error"], "not_a_member", "into another he is not let")
    equal(ann.get("/tenants")[1], [{"tenant": "hill", "tenant_role": "owner", "is_active": True, "is_current": False},
                                   {"tenant": "river", "tenant_role": "owner", "is_active": True, "is_current": True}], "ann has two tenants")

    # each tenant has its own notes
    equal(ann.write("of the river"), (200, ["of the river"]), "ann writes in one tenant")
    equal(ben.get("/notes"), (200, ["of the river"]), "where ben reads it")
    before = dict(ann.tokens)
    equal(ann.go_on("/switch", tenant="hill"), (200, None), "ann switches to the other one")
    equal(ann.get("/notes"), (200, []), "whose notes are others")
    equal(ann.write("of the hill"), (200, ["of the hill"]), "there she writes, too")
    equal(ben.get("/notes"), (200, ["of the river"]), "which ben does not see")
    equal(ann.http.json("GET", "/notes", token=before["access_token"]), (200, ["of the river"]), "her token of before is good for the tenant of before")
    equal(ben.go_on("/switch", tenant="hill"), (403, "not_a_member"), "ben cannot switch there")
    equal(ben.go_on("/switch", tenant="nowhere"), (403, "not_a_member"), "nor to what there is not")
    equal(ben.go_on("/refresh"), (200, None), "his refresh token has stayed unused")
    equal(ben.get("/notes"), (200, ["of the river"]), "and he where he was")
    equal(database.sql("SELECT string_agg(t.slug || ' ' || u.email || ' ' || n.body, ', ' ORDER BY n.id) FROM app.notes n JOIN app.tenants t ON t.id = tenant_id JOIN app.users u ON u.id = author_id"),
          "river ann@notes.test of the river, hill ann@notes.test of the hill", "tenant and author are whose they are")

    # many at once, over two server connections
    people = [ann, ben, None]
    expected = [(200, ["of the hill"]), (200, ["of the river"]), 401]
    wrong = []

    def ask(which):
        for _ in range(15):
            got = people[which].get("/notes") if people[which] else nobody.json("GET", "/notes")[0]
            if got != expected[which]:
                wrong.append((which, got))
    threads = [threading.Thread(target=ask, args=(which,)) for which in range(3) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(wrong, [], "of requests at once none sees another's tenant")
    ok(database.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'notes_web'") <= 2, "by two server connections")

    # a membership that ends
    database.sql("DELETE FROM app.memberships WHERE role = 'member'")
    equal(ben.get("/notes")[0], 401, "who is no member any more is nobody there, at once")
    equal(ben.go_on("/refresh"), (401, "session_ended"), "and his session has ended")
    ben = log_in("ben")
    equal((ben.status, ben.tokens["tenant_id"], ben.get("/notes")), (200, None, (200, [])), "he logs in to no tenant, and sees nothing")
    equal(database.error("DELETE FROM app.memberships"), "23514", "the last owner stays, whoever deletes")
    equal(ann.go_on("/switch", tenant="river"), (200, None), "ann switches back")
    equal(ann.get("/notes"), (200, ["of the river"]), "to her notes there")

    # a user that ends
    database.sql("INSERT INTO app.memberships SELECT u.id, t.id, 'owner' FROM app.users u, app.tenants t WHERE u.email = 'ben@notes.test'")
    database.sql("DELETE FROM app.users WHERE email = 'ann@notes.test'")
    equal(ann.get("/notes")[0], 401, "a deleted user is nobody, at once")
    equal(log_in("ann").status, 401, "and not let in")
