# pgaccount: PGXS build. The suites, the demo and the benchmarks have targets of their own below.
EXTENSION  = pgaccount
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pgaccount.control)
MODULE_big = pgaccount

# One concept a room: src/<concept>.c with its SQL beside it. The order of SQL is the order of dependency.
BASE_C       = extension run_as table_code plan_cache judge leaf_owners statement deferred
CONCEPTS_C   = pgaccount hooks settings version relation_changes errors secret_call identifiers key_scan row_writer row_policies client actor stats failure_queue operation \
               event failure_worker registry_triggers fk_graph fk_policy key_bitmap cleanup_set cleanup_read cleanup_plan cleanup_fate cleanup \
               cleanup_graph purge_held purge mapping citus rewrite delete_rewrite delete_call hiding soft_delete consequences target guard \
               soft_delete_ddl keys restore unique_live doctor profile profile_rule profile_column profile_proof profile_direct profile_adopt \
               profile_enable profile_registry profile_findings password_format password_slots password base64url json_claims jwt \
               claims_jsonb jwt_functions master_key key_store token token_known identity tenant_isolation model model_detect model_map \
               model_rows user_read name_scan model_user user_changes user_traces session_end session_lock starter registered_names \
               registration profile_settable registration_profile refresh_token session throttle login authority live_check export_walk export_user grant_api \
               model_findings health text_argument digest_table known_address login_attempt profile_grant lifecycle invitation role_application
CONCEPTS_SQL = install errors event registry_triggers fk_graph soft_delete restore unique_live guard profile password jwt key_store token \
               identity tenant_isolation cleanup purge model session starter registration login lifecycle invitation role_application \
               export_user doctor grant_api

OBJS       = $(BASE_C:%=src/base/%.o) $(CONCEPTS_C:%=src/%.o)
DATA_built = pgaccount--$(EXTVERSION).sql
EXTRA_CLEAN = pgaccount--*.sql

PG_CPPFLAGS = -DPGACCOUNT_VERSION='"$(EXTVERSION)"' -I$(srcdir)/src -I$(srcdir)/src/base
SHLIB_LINK  = -lsodium

# make installcheck: against a running server that has the library in shared_preload_libraries. Files
# in sql/ are numbered, and run in that order.
REGRESS        := $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS    = --load-extension=pgaccount
ISOLATION      := $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS  = --inputdir=test/isolation --load-extension=pgaccount

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else
# "make test" and "make demo" install the server's build files; all else needs them first.
all install installcheck:
	@echo "$(PG_CONFIG) has no PGXS: install the server's development package (postgresql-server-dev-NN)" >&2
	@exit 1
endif

# Our own names first: a Debian server has libkrb5 loaded, which exports profile_init and the like.
ifeq ($(PORTNAME), linux)
SHLIB_LINK += -Wl,-Bsymbolic
endif

pgaccount--$(EXTVERSION).sql: $(CONCEPTS_SQL:%=src/%.sql) pgaccount.control Makefile
	cat $(CONCEPTS_SQL:%=src/%.sql) > $@

$(OBJS): $(wildcard src/*.h src/*/*.h) pgaccount.control

# --- below: the project's own targets, each a script that says in its header what it does ----------

export PG_CONFIG SUITES ONLY FUZZ_SECONDS

.PHONY: test test-clients lint sanitize fuzz regress-core stress sqlsmith matrix compile-17 citus demo bench bench-quick dist

# All suites on a throwaway cluster. make test SUITES="regress isolation" ONLY=name
test:
	@test/run

# Every real client, also those that make test has no time for. make test-clients ONLY=jdbc
test-clients: SUITES := all_clients
test-clients:
	@test/run

# Format, warnings, static analysis.
lint:
	@test/lint

# The suites with the library under AddressSanitizer and UndefinedBehaviorSanitizer.
sanitize:
	@test/sanitize

# PostgreSQL's own suite with the library preloaded, and with soft delete on every table.
regress-core:
	@test/regress-core/run

# All calls at random from 8 clients, with kills, cancels and timeouts; then the invariants. make stress SECONDS_LONG=60
stress: export SECONDS_LONG := $(SECONDS_LONG)
stress:
	@test/stress/run

# Random statements from the catalog. make sqlsmith QUERIES=2000 SEEDS="1 2"
sqlsmith: export QUERIES := $(QUERIES)
sqlsmith: export SEEDS := $(SEEDS)
sqlsmith:
	@test/stress/sqlsmith

# Every major of PostgreSQL, in systems made when missing. make matrix MAJORS="15 17" CHROOT_17=directory
export MAJORS CHROOT_16 CHROOT_17 CHROOT_18
matrix:
	@test/matrix

# Compile against PostgreSQL 17 in one of them. make compile-17 CHROOT=directory
compile-17: export CHROOT := $(CHROOT)
compile-17:
	@test/compile-17

# A coordinator of Citus and two workers, where a server has Citus. make citus CITUS_PG_CONFIG=/usr/local/citus/bin/pg_config
citus: export CITUS_PG_CONFIG := $(CITUS_PG_CONFIG)
citus:
	@test/citus

# The distribution for PGXN, of what is committed.
dist:
	@test/dist

# The stories, told with psql on a throwaway cluster.
demo:
	@doc/demo/run

# Speed against named floors, as ratios: table and chart in bench/results, and in the README. make bench ONLY=softdelete
bench:
	@bench/run

bench-quick:
	@bench/run --quick

# The parsers that strangers feed, under libFuzzer. make fuzz FUZZ_SECONDS=60 ONLY=jwt
fuzz:
	@test/fuzz/run
