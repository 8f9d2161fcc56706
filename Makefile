# pgaccount: PGXS build. The suites, the demo and the benchmarks have targets of their own below.
EXTENSION  = pgaccount
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pgaccount.control)
MODULE_big = pgaccount

# One concept a room: src/<concept>.c with its SQL beside it. The order of SQL is the order of dependency.
CONCEPTS_C   = pgaccount hooks settings version errors identifiers plan_cache
CONCEPTS_SQL = install errors

OBJS       = $(CONCEPTS_C:%=src/%.o)
DATA_built = pgaccount--$(EXTVERSION).sql
EXTRA_CLEAN = pgaccount--*.sql

PG_CPPFLAGS = -DPGACCOUNT_VERSION='"$(EXTVERSION)"' -I$(srcdir)/src
SHLIB_LINK  = -lsodium

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

pgaccount--$(EXTVERSION).sql: $(CONCEPTS_SQL:%=src/%.sql) pgaccount.control
	cat $(CONCEPTS_SQL:%=src/%.sql) > $@

$(OBJS): $(wildcard src/*.h) pgaccount.control
