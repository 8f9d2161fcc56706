# pgaccount: PGXS build. The suites, the demo and the benchmarks have targets of their own below.
EXTENSION  = pgaccount
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pgaccount.control)
MODULE_big = pgaccount

# One concept a room: src/<concept>.c with its SQL beside it. The order of SQL is the order of dependency.
CONCEPTS_C   = pgaccount hooks settings version errors identifiers plan_cache \
               base64url json_claims jwt claims_jsonb jwt_functions master_key key_store token identity tenant_isolation
CONCEPTS_SQL = install errors jwt key_store token identity tenant_isolation

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

# Fuzzing of the parsers with clang's libFuzzer, for FUZZ_SECONDS each.
FUZZ_SECONDS ?= 600
FUZZ_CC      ?= clang-14
FUZZ_FLAGS   = -g -O1 -DFRONTEND -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Wno-ignored-attributes
FUZZ_LIBS    = $(shell $(PG_CONFIG) --libdir)/libpgcommon.a $(shell $(PG_CONFIG) --libdir)/libpgport.a -lsodium -lm

build/jwt_fuzz: test/fuzz/jwt_fuzz.c src/jwt.c src/json_claims.c src/base64url.c $(wildcard src/*.h)
	mkdir -p build
	$(FUZZ_CC) $(FUZZ_FLAGS) -Isrc -I$(shell $(PG_CONFIG) --includedir-server) $(filter %.c,$^) $(FUZZ_LIBS) -o $@

fuzz-jwt: build/jwt_fuzz
	mkdir -p build/corpus-jwt
	build/jwt_fuzz -max_len=4096 -dict=test/fuzz/jwt.dict -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/ build/corpus-jwt test/fuzz/corpus

fuzz: fuzz-jwt
.PHONY: fuzz fuzz-jwt
