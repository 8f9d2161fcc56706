"""Django's test runner, which writes down how each test ended; with SUITE_SOFT every table has soft delete."""

import os
import unittest

from django.db import connections
from django.test.runner import DiscoverRunner

ENABLE = """
    SELECT account.enable_soft_delete(c.oid, on_reinsert => 'replace')
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
    ORDER BY c.relname"""


class Result(unittest.TextTestResult):
    """Writes a line a test, or a part of one, that has ended: its name, and how."""

    def note(self, test, how):
        with open(os.environ["SUITE_RESULTS"], "a", encoding="utf-8") as file:
            # a part of a test is named by what it is about, which has numbers of this run
            name = test.test_case.id() + " (a part)" if hasattr(test, "test_case") else test.id()
            file.write("%s\t%s\n" % (name, how))

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "ok")

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "error")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failure")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "unexpected success")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(subtest, "failure" if issubclass(err[0], test.failureException) else "error")


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result

    def setup_databases(self, **kwargs):
        made = super().setup_databases(**kwargs)
        if os.environ.get("SUITE_SOFT"):
            for alias in connections:
                with connections[alias].cursor() as cursor:
                    cursor.execute(ENABLE)
        return made
