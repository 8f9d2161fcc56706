"""TAP for the clients in test/clients that are written in Python."""

import contextlib
import sys

_tests = 0


def ok(condition, name):
    global _tests
    _tests += 1
    print("%sok %d - %s" % ("" if condition else "not ", _tests, name), flush=True)
    return bool(condition)


def equal(got, expected, name):
    if not ok(got == expected, name):
        print("# got      %r\n# expected %r" % (got, expected), flush=True)


@contextlib.contextmanager
def raises(error, name, *sqlstates):
    """What is inside must raise this error, and with one of these SQLSTATEs where any is given."""
    try:
        yield
    except error as raised:
        cause = getattr(raised, "orig", None) or raised
        state = getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)
        if not ok(not sqlstates or state in sqlstates, name):
            print("# SQLSTATE %s: %s" % (state, raised), flush=True)
    else:
        ok(False, name)
        print("# nothing was raised", flush=True)


def done():
    """The plan. A script that dies earlier has none, and has failed."""
    print("1..%d" % _tests)
    sys.stdout.flush()
