/*
 * key_store.c
 *		The signing keys of this database, kept ready for use in each backend.
 *
 * account.signing_key is read without SPI and without privileges of the caller's, on a snapshot of
 * its own: a rotation that has committed counts, also in a transaction whose snapshot is older. A
 * statement trigger on the table sends a relcache invalidation; its callback marks, never frees.
 * What is read lies in a memory context that is wiped before it goes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "monitor/monitor.h"
#include "key_store.h"
#include "master_key.h"

ACCOUNT_OPERATION(create_key, "create_key", 1);
ACCOUNT_OPERATION(activate_key, "activate_key", 0);
ACCOUNT_OPERATION(retire_key, "retire_key", 0);
ACCOUNT_OPERATION(export_key, "export_key", 0);
PG_FUNCTION_INFO_V1(jwks);
PG_FUNCTION_INFO_V1(signing_key_changed);

/* Bounds of what a key may be called, and of a secret that is given. */
#define MAX_KID    255
#define MAX_SECRET 1024

/* Random bytes of a generated kid. */
#define KID_BYTES 12

/* Columns of account.signing_key; see key_store.sql. */
enum
{
	KEY_KID = 1,
	KEY_ALG,
	KEY_SECRET,
	KEY_SEALED,
	KEY_PUBLIC,
	KEY_SIGNS,
	KEY_CREATED_AT,
	KEY_ACTIVATED_AT,
	KEY_RETIRED_AT
};

static MemoryContext keys_context = NULL;
static StoredKey *keys = NULL;
static int nkeys = 0;
static Oid keys_relid = InvalidOid;

/* The keys are those of this state of the table if the two are equal. */
static uint64 table_state = 1;
static uint64 keys_state = 0;

/* The table, or all that is cached, has changed. */
static void
key_table_changed(Oid relid)
{
	if (relid == InvalidOid || relid == keys_relid)
		table_state++;
}

/* Register the invalidation of the cache. */
void
key_store_init(void)
{
	relation_changes_follow(key_table_changed);
}

/* OID of account.signing_key; 55000 if the extension is not installed in this database. */
static Oid
key_table(void)
{
	Oid schema = account_schema();
	Oid relid = OidIsValid(schema) ? get_relname_relid("signing_key", schema) : InvalidOid;

	if (!OidIsValid(relid))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("extension pgaccount is not installed in this database"),
						errdetail("There is no table account.signing_key."),
						errhint("Run CREATE EXTENSION pgaccount.")));
	return relid;
}

/* Wipe and forget the keys. */
static void
forget_keys(void)
{
	keys_state = 0;
	for (int i = 0; i < nkeys; i++)
		jwt_key_wipe(&keys[i].key);
	nkeys = 0;
	keys = NULL;
	if (keys_context != NULL)
		MemoryContextReset(keys_context);
}

/* A column's value; false: NULL. */
static bool
column(HeapTuple tuple, TupleDesc desc, int attnum, Datum *value)
{
	bool isnull;

	*value = heap_getattr(tuple, attnum, desc, &isnull);
	return !isnull;
}

/*
 * The secret of a row of account.signing_key: palloc'd, for the caller to wipe. NULL, or 55000 with
 * raise, if it is sealed and cannot be opened.
 */
static unsigned char *
row_secret(HeapTuple tuple, TupleDesc desc, size_t *len, bool raise)
{
	Datum value;
	bytea *stored;
	unsigned char *secret;

	column(tuple, desc, KEY_SECRET, &value);
	stored = DatumGetByteaPP(value);
	column(tuple, desc, KEY_SEALED, &value);
	if (DatumGetBool(value))
		return master_key_open(stored, len, raise);
	*len = VARSIZE_ANY_EXHDR(stored);
	secret = palloc(*len + 1);
	memcpy(secret, VARDATA_ANY(stored), *len);
	return secret;
}

/* Make a row of account.signing_key ready for use, in keys_context. */
static void
load_key(StoredKey *stored, HeapTuple tuple, TupleDesc desc)
{
	Datum value;
	text *kid;
	text *alg;
	char *header;
	unsigned char *secret;
	size_t len;

	column(tuple, desc, KEY_KID, &value);
	kid = DatumGetTextPP(value);
	stored->kid_len = VARSIZE_ANY_EXHDR(kid);
	stored->kid = pnstrdup(VARDATA_ANY(kid), stored->kid_len);
	column(tuple, desc, KEY_SIGNS, &value);
	stored->signs = DatumGetBool(value);
	column(tuple, desc, KEY_ALG, &value);
	alg = DatumGetTextPP(value);
	stored->key.alg = jwt_alg_by_name(VARDATA_ANY(alg), VARSIZE_ANY_EXHDR(alg));

	header = jwt_header(stored->key.alg, stored->kid);
	stored->header = palloc(BASE64URL_ENCODED_LEN(strlen(header)));
	stored->header_len = base64url_encode(stored->header, (unsigned char *) header, strlen(header));

	secret = row_secret(tuple, desc, &len, false);
	if (secret != NULL)
	{
		stored->usable = jwt_key_prepare(&stored->key, stored->key.alg, secret, len, JWT_TO_SIGN,
										 false) == JWT_OK;
		sodium_memzero(secret, len);
		pfree(secret);
	}
	else if (stored->key.alg == JWT_EDDSA && column(tuple, desc, KEY_PUBLIC, &value) &&
			 VARSIZE_ANY_EXHDR(DatumGetByteaPP(value)) == sizeof(stored->key.u.eddsa.public_key))
		memcpy(stored->key.u.eddsa.public_key, VARDATA_ANY(DatumGetByteaPP(value)),
			   sizeof(stored->key.u.eddsa.public_key));
}

/* Read the table. */
static void
load_keys(void)
{
	MemoryContext old;
	Relation rel;
	SysScanDesc scan;
	HeapTuple tuple;
	Datum value;
	int room = 8;
	uint64 state;

	forget_keys();
	version_check();
	if (keys_context == NULL)
		keys_context =
			AllocSetContextCreate(TopMemoryContext, "pgaccount keys", ALLOCSET_SMALL_SIZES);
	keys_relid = key_table();
	rel = table_open(keys_relid, AccessShareLock);
	state = table_state;
	old = MemoryContextSwitchTo(keys_context);
	keys = palloc0(sizeof(StoredKey) * room);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (column(tuple, RelationGetDescr(rel), KEY_RETIRED_AT, &value))
			continue;
		if (nkeys == room)
		{
			StoredKey *more = palloc0(sizeof(StoredKey) * room * 2);

			memcpy(more, keys, sizeof(StoredKey) * nkeys);
			sodium_memzero(keys, sizeof(StoredKey) * nkeys);
			pfree(keys);
			keys = more;
			room *= 2;
		}
		load_key(&keys[nkeys], tuple, RelationGetDescr(rel));
		nkeys++;
	}
	systable_endscan(scan);
	MemoryContextSwitchTo(old);
	table_close(rel, AccessShareLock);

	for (int i = 1; i < nkeys; i++)
		if (keys[i].signs)
		{
			StoredKey first = keys[0];

			keys[0] = keys[i];
			keys[i] = first;
			sodium_memzero(&first, sizeof(first));
		}
	keys_state = state;
}

/* The keys that are not retired, the one that signs first. */
const StoredKey *
key_store_keys(int *count)
{
	/* A transaction that touches no table hears of no change unless it asks. */
	AcceptInvalidationMessages();
	if (keys_state != table_state)
		load_keys();
	*count = nkeys;
	return keys;
}

/* Another number whenever the keys may have changed. */
uint64
key_store_state(void)
{
	int count;

	(void) key_store_keys(&count);
	return keys_state;
}

/* Refuse the use of a key whose secret cannot be opened, with the reason. */
static void
refuse_sealed(const StoredKey *stored)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("signing key \"%s\" is sealed and cannot be opened", stored->kid),
			 errdetail("pgaccount.master_key_file cannot be used, or is not the file the key "
					   "was sealed with."),
			 errhint("account.export_key() says what is wrong; then reconnect."),
			 errhidesecrets()));
}

/* The key of this name, or NULL. */
const StoredKey *
key_store_find(const char *kid, int kid_len)
{
	int count;
	const StoredKey *all = key_store_keys(&count);

	for (int i = 0; i < count; i++)
		if (all[i].kid_len == kid_len && memcmp(all[i].kid, kid, kid_len) == 0)
		{
			if (!all[i].usable && all[i].key.alg != JWT_EDDSA)
				refuse_sealed(&all[i]);
			return &all[i];
		}
	return NULL;
}

/* The key that signs. */
const StoredKey *
key_store_signing(void)
{
	int count;
	const StoredKey *all = key_store_keys(&count);

	if (count == 0 || !all[0].signs)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("there is no signing key"),
						errdetail("Tokens are signed with the active key of account.signing_key."),
						errhint("Run SELECT account.create_key().")));
	if (!all[0].usable)
		refuse_sealed(&all[0]);
	return &all[0];
}

/* The first argument, a kid; 22023 for NULL. */
static text *
kid_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		refuse_null_argument("kid");
	return PG_GETARG_TEXT_PP(0);
}

/* Refuse a kid that names no key. */
static void
refuse_unknown(text *kid)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such key"),
					errdetail("There is no key \"%s\".", text_to_cstring(kid)),
					errhint("account.signing_key lists the keys.")));
}

/*
 * Run a statement on account.signing_key with parameters, as its owner; returns the rows it
 * touched.
 */
static uint64
run_on_keys(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls)
{
	RoleState saved = run_as_owner("signing_key");
	uint64 rows = statement_run_once(sql, nargs, types, values, nulls, NULL);

	run_as_end(saved);
	return rows;
}

/* Let no other session change the keys until the end of the transaction; readers go on. */
static void
lock_keys(const char *function)
{
	PreventCommandIfReadOnly(function);
	table_close(own_table_require("signing_key", ShareRowExclusiveLock), NoLock);
}

/* The kid of a new key: as given, or random. */
static text *
new_kid(FunctionCallInfo fcinfo)
{
	unsigned char random[KID_BYTES];
	char name[BASE64URL_ENCODED_LEN(KID_BYTES)];
	text *kid;
	bool printable = true;

	if (PG_ARGISNULL(1))
	{
		randombytes_buf(random, sizeof(random));
		return cstring_to_text_with_len(name, base64url_encode(name, random, sizeof(random)));
	}
	kid = PG_GETARG_TEXT_PP(1);
	for (size_t i = 0; i < VARSIZE_ANY_EXHDR(kid); i++)
		printable = printable && VARDATA_ANY(kid)[i] >= ' ' && VARDATA_ANY(kid)[i] <= '~';
	if (VARSIZE_ANY_EXHDR(kid) == 0 || VARSIZE_ANY_EXHDR(kid) > MAX_KID || !printable)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("malformed key name"),
						errdetail("A kid has 1 to %d printable ASCII characters.", MAX_KID),
						errhint("Pass NULL for a random one."), errhidesecrets()));
	return kid;
}

/* The secret of a new key, palloc'd for the caller to wipe: as given, or random. */
static unsigned char *
new_secret(FunctionCallInfo fcinfo, JwtAlg alg, size_t *len)
{
	unsigned char *secret;

	if (PG_ARGISNULL(2))
	{
		*len = jwt_key_bytes(alg);
		secret = palloc(*len);
		randombytes_buf(secret, *len);
	}
	else
	{
		bytea *given = PG_GETARG_BYTEA_PP(2);

		*len = VARSIZE_ANY_EXHDR(given);
		if (*len > MAX_SECRET)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("secret is too long"),
							errdetail("A secret has at most %d bytes.", MAX_SECRET),
							errhint("Pass NULL for a random one."), errhidesecrets()));
		secret = palloc(*len + 1);
		memcpy(secret, VARDATA_ANY(given), *len);
	}
	return secret;
}

/* Raise 23505 if there is a key of this kid. Within SPI_connect, the keys locked. */
static void
refuse_taken(Datum kid)
{
	Oid type = TEXTOID;

	if (run_on_keys("SELECT 1 FROM account.signing_key WHERE kid OPERATOR(pg_catalog.=) $1", 1,
					&type, &kid, NULL) == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION), errmsg("kid is taken"),
					errdetail_row("Key (kid)=(%s) already exists.", TextDatumGetCString(kid)),
					errhint("Give another kid, or none, and one is made up."),
					err_generic_string(PG_DIAG_SCHEMA_NAME, "account"),
					err_generic_string(PG_DIAG_TABLE_NAME, "signing_key"),
					err_generic_string(PG_DIAG_COLUMN_NAME, "kid"),
					err_generic_string(PG_DIAG_CONSTRAINT_NAME, "signing_key_pkey")));
}

/* account.create_key(alg text, kid text, secret bytea, activate boolean): the kid. */
static Datum
create_key_operation(PG_FUNCTION_ARGS)
{
	static Oid types[] = {TEXTOID, TEXTOID, BYTEAOID, BOOLOID, BYTEAOID, BOOLOID};
	char nulls[] = "      ";
	Datum values[6];
	JwtAlg alg;
	text *kid;
	unsigned char *secret;
	size_t len;
	JwtKey key;
	JwtResult result;
	bool activate;
	bytea *stored;
	bytea *public_key = NULL;
	JsonbBuild detail = {0};
	ErrorContextCallback hiding;

	secret_call_begin(&hiding);
	if (PG_ARGISNULL(0))
		refuse_null_argument("alg");
	if (PG_ARGISNULL(3))
		refuse_null_argument("activate");
	alg = jwt_alg_argument(PG_GETARG_TEXT_PP(0));
	activate = PG_GETARG_BOOL(3);
	kid = new_kid(fcinfo);
	secret = new_secret(fcinfo, alg, &len);
	result = jwt_key_prepare(&key, alg, secret, len, JWT_TO_SIGN, false);
	if (result != JWT_OK)
		refuse_key(result);
	if (alg == JWT_EDDSA)
	{
		public_key = palloc(VARHDRSZ + sizeof(key.u.eddsa.public_key));
		SET_VARSIZE(public_key, VARHDRSZ + sizeof(key.u.eddsa.public_key));
		memcpy(VARDATA(public_key), key.u.eddsa.public_key, sizeof(key.u.eddsa.public_key));
	}
	jwt_key_wipe(&key);

	if (master_key_configured())
		stored = master_key_seal(secret, len);
	else
	{
		stored = palloc(VARHDRSZ + len);
		SET_VARSIZE(stored, VARHDRSZ + len);
		memcpy(VARDATA(stored), secret, len);
	}
	sodium_memzero(secret, len);

	values[0] = PointerGetDatum(kid);
	values[1] = CStringGetTextDatum(jwt_alg_name(alg));
	values[2] = PointerGetDatum(stored);
	values[3] = BoolGetDatum(master_key_configured());
	values[4] = PointerGetDatum(public_key);
	values[5] = BoolGetDatum(activate);
	if (public_key == NULL)
		nulls[4] = 'n';
	SPI_connect();
	lock_keys("account.create_key()");
	refuse_taken(values[0]);
	if (activate)
		run_on_keys("UPDATE account.signing_key SET signs = false WHERE signs", 0, NULL, NULL,
					NULL);
	run_on_keys("INSERT INTO account.signing_key (kid, alg, secret, sealed, public_key, signs, "
				"activated_at) "
				"VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $6 THEN pg_catalog.now() END)",
				lengthof(types), types, values, nulls);
	SPI_finish();
	sodium_memzero(VARDATA(stored), VARSIZE(stored) - VARHDRSZ);
	detail_text(&detail, "alg", jwt_alg_name(alg));
	detail_bool(&detail, "signs", activate);
	event_success(EVENT_KEY_CREATED, text_to_cstring(kid), NULL, detail_end(&detail));
	secret_call_end(&hiding);
	PG_RETURN_TEXT_P(kid);
}

/* account.activate_key(kid text): this key signs from now on. */
static Datum
activate_key_operation(PG_FUNCTION_ARGS)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {PointerGetDatum(kid_argument(fcinfo))};
	bool isnull;

	SPI_connect();
	lock_keys("account.activate_key()");
	if (run_on_keys(
			"SELECT retired_at FROM account.signing_key WHERE kid OPERATOR(pg_catalog.=) $1", 1,
			types, values, NULL) == 0)
		refuse_unknown(DatumGetTextPP(values[0]));
	SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_CONFLICT), errmsg("key is retired"),
						errdetail("Tokens of key \"%s\" are refused; it cannot sign any more.",
								  TextDatumGetCString(values[0])),
						errhint("Make another with account.create_key().")));
	run_on_keys("UPDATE account.signing_key SET signs = false "
				"WHERE signs AND kid OPERATOR(pg_catalog.<>) $1",
				1, types, values, NULL);
	if (run_on_keys("UPDATE account.signing_key SET signs = true, activated_at = pg_catalog.now() "
					"WHERE NOT signs AND kid OPERATOR(pg_catalog.=) $1",
					1, types, values, NULL) > 0)
		event_success(EVENT_KEY_ACTIVATED, TextDatumGetCString(values[0]), NULL, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

/* account.retire_key(kid text): tokens of this key are refused from now on. */
static Datum
retire_key_operation(PG_FUNCTION_ARGS)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {PointerGetDatum(kid_argument(fcinfo))};
	bool isnull;

	SPI_connect();
	lock_keys("account.retire_key()");
	if (run_on_keys("UPDATE account.signing_key SET signs = false, "
					"retired_at = COALESCE(retired_at, pg_catalog.now()) "
					"WHERE kid OPERATOR(pg_catalog.=) $1 "
					"RETURNING retired_at OPERATOR(pg_catalog.=) pg_catalog.now()",
					1, types, values, NULL) == 0)
		refuse_unknown(DatumGetTextPP(values[0]));
	if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)))
		event_success(EVENT_KEY_RETIRED, TextDatumGetCString(values[0]), NULL, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

/* account.export_key(kid text): the secret, also of a retired key. */
static Datum
export_key_operation(PG_FUNCTION_ARGS)
{
	text *kid = kid_argument(fcinfo);
	Relation rel = table_open(key_table(), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;
	bytea *result = NULL;

	while (result == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum value;
		text *name;
		unsigned char *secret;
		size_t len;

		column(tuple, RelationGetDescr(rel), KEY_KID, &value);
		name = DatumGetTextPP(value);
		if (VARSIZE_ANY_EXHDR(name) != VARSIZE_ANY_EXHDR(kid) ||
			memcmp(VARDATA_ANY(name), VARDATA_ANY(kid), VARSIZE_ANY_EXHDR(kid)) != 0)
			continue;
		secret = row_secret(tuple, RelationGetDescr(rel), &len, true);
		result = palloc(VARHDRSZ + len);
		SET_VARSIZE(result, VARHDRSZ + len);
		memcpy(VARDATA(result), secret, len);
		sodium_memzero(secret, len);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (result == NULL)
		refuse_unknown(kid);
	PG_RETURN_BYTEA_P(result);
}

/* account.jwks(): the public keys (RFC 7517 §5, RFC 8037 §2). */
Datum
jwks(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	const StoredKey *all;
	int count;
	const char *separator = "";

	all = key_store_keys(&count);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"keys\": [");
	for (int i = 0; i < count; i++)
	{
		char x[BASE64URL_ENCODED_LEN(crypto_sign_ed25519_PUBLICKEYBYTES)];

		if (all[i].key.alg != JWT_EDDSA)
			continue;
		base64url_encode(x, all[i].key.u.eddsa.public_key, crypto_sign_ed25519_PUBLICKEYBYTES);
		appendStringInfo(&buf,
						 "%s{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"use\": \"sig\", "
						 "\"alg\": \"EdDSA\", \"x\": \"%.*s\", \"kid\": ",
						 separator, (int) sizeof(x), x);
		escape_json(&buf, all[i].kid);
		appendStringInfoChar(&buf, '}');
		separator = ", ";
	}
	appendStringInfoString(&buf, "]}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* Statement trigger on account.signing_key: every backend reads it anew. */
Datum
signing_key_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("must be called by a trigger"),
						errhint("The trigger is part of account.signing_key.")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}
