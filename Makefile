# pgaccount: PGXS build. The suites, the demo and the benchmarks have targets of their own below.
# A build in another directory: make -f /path/to/Makefile
TOP       := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))

EXTENSION  = pgaccount
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(TOP)/pgaccount.control)
MODULE_big = pgaccount

# One folder a concept: src/<folder>/<file>.c with its SQL beside it. Folders call downwards, so in this order. That of
# the SQL is the order of dependency.
FOLDERS      = base jwt monitor password fkey softdelete hold profile cleanup model auth account
PIECES_SQL   = base/install base/errors monitor/event base/registry_triggers fkey/fk_graph \
               softdelete/soft_delete softdelete/restore softdelete/deleted_rows softdelete/unique_live softdelete/guard \
               profile/profile password/password jwt/jwt auth/key_store auth/token auth/identity \
               auth/tenant_isolation cleanup/cleanup cleanup/purge cleanup/replace model/model auth/session account/starter \
               auth/registration auth/login account/lifecycle account/invitation account/role_application \
               account/export_user account/doctor account/grant_api

# What later releases add: src/<folder>/<piece>--OLD--NEW.sql, joined in this order to pgaccount--OLD--NEW.sql. CREATE
# EXTENSION runs the first release's script and these after it, so that an updated database is what a new one is. What a
# release has shipped stays as it is (test/releases.sha256).
FIRST_RELEASE = 1.0.0
UPDATES       = 1.0.0--1.1.0
PIECES_1.0.0--1.1.0 = \
    base/update \
    cleanup/erasure \
    cleanup/plan_hash \
    cleanup/batches \
    hold/hold \
    base/column_comments \
    base/repeated_trigger \
    softdelete/policy_note \
    softdelete/attach \
    model/members \
    auth/members \
    auth/sessions \
    auth/mail \
    account/mail \
    account/members \
    account/last_member \
    account/attached_parts \
    account/tenant \
    account/purge_tenants \
    account/export_tenant \
    account/starter \
    account/doctor \
    account/doctor_profile \
    account/doctor_soft_delete \
    account/describe \
    account/grant_api

OBJS        := $(patsubst $(TOP)/%.c,%.o,$(sort $(wildcard $(TOP)/src/*.c $(FOLDERS:%=$(TOP)/src/%/*.c))))
DATA_built   = pgaccount--$(FIRST_RELEASE).sql $(UPDATES:%=pgaccount--%.sql)
EXTRA_CLEAN = pgaccount--*.sql

PG_CPPFLAGS = -DPGACCOUNT_VERSION='"$(EXTVERSION)"' -I$(TOP)/src
PG_CFLAGS   = -fvisibility=hidden
SHLIB_LINK  = -lsodium

# make installcheck: against a running server that has the library in shared_preload_libraries.
REGRESS        := setup $(filter-out setup,$(patsubst $(TOP)/sql/%.sql,%,$(sort $(wildcard $(TOP)/sql/*.sql))))
REGRESS_OPTS    = --load-extension=pgaccount
ISOLATION      := $(patsubst $(TOP)/test/isolation/specs/%.spec,%,$(sort $(wildcard $(TOP)/test/isolation/specs/*.spec)))
ISOLATION_OPTS  = --inputdir=$(TOP)/test/isolation --load-extension=pgaccount
# with TAP_TESTS=1 those as well that make servers of their own: they take minutes, and want Perl's IPC::Run
PROVE_TESTS     = test/tap/*.pl test/attacks/*.pl

# No bitcode: the server's JIT compiler would inline functions from it, and what they call is hidden in the library.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(MAKECMDGOALS), check)
# has PGXS make no use of: its own target of that name says that there is none
else ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else
# "make test" and "make demo" install the server's build files; all else needs them first.
all install installcheck:
	@echo "$(PG_CONFIG) has no PGXS: install the server's development package (postgresql-server-dev-NN)" >&2
	@exit 1
endif

pgaccount--$(FIRST_RELEASE).sql: $(PIECES_SQL:%=src/%.sql) Makefile
	cat $(filter %.sql,$^) > $@

define joined_update
pgaccount--$(1).sql: $(PIECES_$(1):%=src/%--$(1).sql) Makefile
	cat $$(filter %.sql,$$^) > $$@
endef
$(foreach update,$(UPDATES),$(eval $(call joined_update,$(update))))

$(OBJS): $(wildcard $(TOP)/src/*.h $(TOP)/src/*/*.h) pgaccount.control | directories

# Of what was installed before with bitcode, the JIT compiler would run the old functions in place of the library's.
.PHONY: no-bitcode
install uninstall: no-bitcode
no-bitcode:
	rm -rf $(addprefix '$(DESTDIR)$(pkglibdir)'/bitcode/,$(MODULE_big) $(MODULE_big).index.bc)

.PHONY: directories
directories:
	@mkdir -p src $(FOLDERS:%=src/%)

# What is private to a folder does not compile elsewhere: others include <folder>/<folder>.h.
$(foreach folder,$(FOLDERS),$(eval $(filter src/$(folder)/%,$(OBJS)): override CPPFLAGS += -DIN_$(folder)))

# --- below: the project's own targets, each a script that says in its header what it does ----------

export PG_CONFIG SUITES ONLY SERVER_SETTINGS FUZZ_SECONDS

.PHONY: test check test-clients test-applications lint sanitize discard-caches fuzz regress-core stress sqlsmith oracle matrix compile-17 citus demo bench bench-quick dist deb rpm dockerfile image-root

# Several run on another major of PostgreSQL as well, in its own system: make regress-core MAJOR=19
in_major = $(if $(MAJOR),test/major $(MAJOR) )

# All suites on a throwaway cluster. make test SUITES="regress isolation" ONLY=name
test:
	@$(in_major)test/run

# The quick loop: some suites on a copy of the server in build/, without root. make check SUITES=regress ONLY=name
ifeq ($(MAKECMDGOALS), check)
check:
	@test/check
endif

# Every real client, also those that make test has no time for. make test-clients ONLY=jdbc
test-clients: SUITES := all_clients
test-clients:
	@test/run

# Whole applications, unchanged, driven over HTTP: also those that make test has no time for.
# make test-applications ONLY=redmine
test-applications: SUITES := all_applications
test-applications:
	@test/run

# What doc/monitoring has, with Debian's Prometheus and exporter: things go wrong, alerts fire.
test-monitoring: SUITES := all_clients
test-monitoring: ONLY := monitoring
test-monitoring:
	@test/run

# Format, warnings, static analysis.
lint:
	@test/lint

# The suites with the library under AddressSanitizer and UndefinedBehaviorSanitizer.
sanitize:
	@test/sanitize

# The suites while the server throws its caches away, at one of so many steps. make discard-caches SUITES=regress EVERY=1 ONLY=guard
discard-caches: export EVERY := $(EVERY)
discard-caches:
	@test/discard-caches

# PostgreSQL's own suite with the library preloaded, and with soft delete on every table.
regress-core:
	@$(in_major)test/regress-core/run

# All calls at random from 8 clients, with kills, cancels and timeouts; then the invariants. make stress SECONDS_LONG=60
stress: export SECONDS_LONG := $(SECONDS_LONG)
stress:
	@$(in_major)test/stress/run

# Random statements from the catalog. make sqlsmith QUERIES=2000 SEEDS="1 2"
sqlsmith: export QUERIES := $(QUERIES)
sqlsmith: export SEEDS := $(SEEDS)
sqlsmith:
	@$(in_major)test/stress/sqlsmith

# Random schemas, queries, races and failures against models that know nothing of the extension, for an hour.
# make oracle SECONDS=600 SEED=7, or so many of each part: make oracle ROUNDS=1000 PARTS="schemas queries"
oracle: export ORACLE_SECONDS := $(SECONDS)
oracle: export ROUNDS := $(ROUNDS)
oracle: export SEED := $(SEED)
oracle: export PARTS := $(PARTS)
oracle:
	@$(in_major)test/oracle/run

# Every major of PostgreSQL, in systems made when missing. make matrix MAJORS="15 17" CHROOT_17=directory
export MAJORS CHROOT_16 CHROOT_17 CHROOT_18 CHROOT_19
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

# The distribution for PGXN, of what is committed. make dist META_SCHEMAS=directory of the schemas that PGXN goes by
dist: export META_SCHEMAS := $(META_SCHEMAS)
dist:
	@test/dist

# The Debian packages, built twice in clean systems and tried. make deb DEBIAN=13
deb: export DEBIAN := $(DEBIAN)
deb:
	@test/deb

# The RPM of doc/packaging, built and installed where Debian has rpm. make rpm MAJOR=19
rpm dockerfile: export MAJOR := $(MAJOR)
rpm:
	@test/rpm

# The steps of doc/packaging/Dockerfile, carried out without an engine. make dockerfile MAJOR=15
dockerfile:
	@test/dockerfile

# The files of an image volume, as a server of 18 or later finds them by extension_control_path and
# dynamic_library_path, and the library they need that a server's image may not have. make image-root IMAGE=directory
IMAGE ?= build/image
image-root: all $(MODULE_big)$(DLSUFFIX) $(DATA_built)
	$(MKDIR_P) '$(IMAGE)/lib' '$(IMAGE)/share/extension' '$(IMAGE)/system'
	$(INSTALL_SHLIB) $(filter %$(DLSUFFIX),$^) '$(IMAGE)/lib/'
	$(INSTALL_DATA) $(TOP)/pgaccount.control $(filter %.sql,$^) '$(IMAGE)/share/extension/'
	$(INSTALL_DATA) $$(ldd $(filter %$(DLSUFFIX),$^) | sed -n 's/.*libsodium[^ ]* => \([^ ]*\) .*/\1/p') '$(IMAGE)/system/'

# The stories, told with psql on a throwaway cluster. make demo PLAIN=1 for a log, TRANSCRIPT=file to keep it.
export PLAIN TRANSCRIPT CAST
demo:
	@doc/demo/run

# Speed against named floors, as ratios: table and chart in bench/results. make bench ONLY=softdelete, or on another
# major in its own system, side by side with the last result: make bench MAJOR=19
bench:
	@$(if $(MAJOR),bench/major $(MAJOR),bench/run)

bench-quick:
	@$(if $(MAJOR),bench/major $(MAJOR) --quick,bench/run --quick)

# The parsers that strangers feed, under libFuzzer. make fuzz FUZZ_SECONDS=60 ONLY=jwt
fuzz:
	@test/fuzz/run
