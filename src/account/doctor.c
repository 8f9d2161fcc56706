/*
 * doctor.c
 *		What account.doctor() asks for that SQL cannot see; the findings themselves are SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "doctor.h"

PG_FUNCTION_INFO_V1(doctor);
PG_FUNCTION_INFO_V1(is_preloaded);
PG_FUNCTION_INFO_V1(soft_delete_tables);
PG_FUNCTION_INFO_V1(noted_model);

/* account.is_preloaded() RETURNS boolean: are the hooks at work in this session? */
Datum
is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(hooks_installed());
}

/* A column's name as a Datum; *isnull for none. */
static Datum
column_name(Oid relid, AttrNumber attnum, bool *isnull)
{
	Name name;

	*isnull = (attnum == InvalidAttrNumber);
	if (*isnull)
		return (Datum) 0;
	name = palloc0(NAMEDATALEN);
	namestrcpy(name, get_attname(relid, attnum, false));
	return NameGetDatum(name);
}

/*
 * account.soft_delete_tables(): every table that declares soft delete, with its mapping and
 * options. Partitions are left out, they have their table's. A table that vanishes meanwhile is
 * skipped.
 */
Datum
soft_delete_tables(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, tables_with_own_trigger("soft_delete"))
	{
		const SoftDelete *found;
		SoftDelete mapping;
		Datum values[11];
		bool nulls[11] = {false};
		Relation target;
		Oid whole;

		CHECK_FOR_INTERRUPTS();
		target = try_relation_open(lfirst_oid(lc), AccessShareLock);
		if (target == NULL)
			continue;
		found = mapping_declared(lfirst_oid(lc));
		if (found != NULL)
		{
			mapping = *found;
			values[0] = ObjectIdGetDatum(mapping.relid);
			values[1] = column_name(mapping.relid, mapping.deleted_at, &nulls[1]);
			values[2] = column_name(mapping.relid, mapping.flag, &nulls[2]);
			values[3] = column_name(mapping.relid, mapping.deleted_by, &nulls[3]);
			values[4] = BoolGetDatum(mapping.options.hide);
			values[5] = BoolGetDatum(mapping.options.guard_references);
			values[6] = CStringGetTextDatum(parent_delete_name(mapping.options.on_parent_delete));
			values[7] = BoolGetDatum(mapping.options.children);
			values[8] = CStringGetTextDatum(reinsert_name(mapping.options.on_reinsert));
			values[9] = BoolGetDatum(mapping_active(mapping.relid) != NULL);
			whole = covered_by(mapping.relid);
			values[10] = ObjectIdGetDatum(OidIsValid(whole) ? whole : mapping.relid);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
		relation_close(target, AccessShareLock);
	}
	return (Datum) 0;
}

/* Is a member of a jsonb object an object itself? of_text: of texts alone. */
static bool
has_object(Jsonb *jsonb, const char *key, bool of_text)
{
	JsonbValue *member = getKeyJsonValueFromContainer(&jsonb->root, key, strlen(key), NULL);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue value;

	if (member == NULL || member->type != jbvBinary ||
		!JsonContainerIsObject(member->val.binary.data))
		return false;
	it = JsonbIteratorInit(member->val.binary.data);
	while (of_text && (token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_VALUE && value.type != jbvString)
			return false;
	return true;
}

/*
 * account.noted_model(arguments bytea): the call of use_tables that a trigger has as its one
 * argument. NULL: it has none, or one that somebody else has written, who owns the table.
 */
Datum
noted_model(PG_FUNCTION_ARGS)
{
	bytea *arguments = PG_GETARG_BYTEA_PP(0);
	char *text = pnstrdup(VARDATA_ANY(arguments), VARSIZE_ANY_EXHDR(arguments));
	Jsonb *call = text_as_jsonb(text);

	if (call == NULL || !JB_ROOT_IS_OBJECT(call) || !has_object(call, "tables", true) ||
		!has_object(call, "columns", false))
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(call);
}

/* May the current user see the findings of all tables? owner: of the functions of the doctor. */
bool
sees_all_findings(Oid owner)
{
	return has_privs_of_role(GetUserId(), owner) || has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
}

/*
 * The findings. $1: who asks; $2: may that role see all? Who may not sees those of its tables, by
 * the name of the object; what counts rows is not asked for where it owns none of the tables. The
 * last UNION leaves out what several say, as that a table cannot be read.
 */
static const char findings_sql[] = OWN_STATEMENT
	"SELECT f.severity, f.code, f.object, f.message, f.remedy"
	" FROM (SELECT * FROM account.doctor_soft_delete()"
	" UNION ALL SELECT * FROM account.doctor_purge((SELECT pg_catalog.array_agg(s.relation) FROM"
	" account.soft_delete_tables() AS s JOIN pg_catalog.pg_class AS c ON c.oid"
	" OPERATOR(pg_catalog.=) s.relation WHERE $2 OR pg_catalog.pg_has_role($1, c.relowner,"
	" 'USAGE')))"
	" UNION ALL SELECT * FROM account.doctor_profile() WHERE $2 OR EXISTS (SELECT FROM"
	" account.profile_rule AS r JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=)"
	" r.users WHERE pg_catalog.pg_has_role($1, c.relowner, 'USAGE'))"
	" OR NOT EXISTS (SELECT FROM account.profile_rule)"
	" UNION ALL SELECT * FROM account.doctor_model() WHERE $2 OR EXISTS (SELECT FROM"
	" account.model_column AS m JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=)"
	" m.relation WHERE pg_catalog.pg_has_role($1, c.relowner, 'USAGE'))"
	" OR NOT EXISTS (SELECT FROM account.model_column)"
	" UNION ALL SELECT * FROM account.doctor_isolation()"
	" UNION ALL SELECT * FROM account.last_member_findings()"
	" UNION ALL SELECT * FROM account.doctor_hold()"
	" UNION ALL SELECT * FROM account.doctor_extension() WHERE $2"
	" UNION SELECT * FROM account.doctor_events() WHERE $2) AS f"
	" WHERE $2 OR EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n"
	" ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE pg_catalog.format('%I.%I', n.nspname,"
	" c.relname) OPERATOR(pg_catalog.=) f.object"
	" AND pg_catalog.pg_has_role($1, c.relowner, 'USAGE'))"
	" ORDER BY pg_catalog.array_position(ARRAY['error', 'warning', 'info'], f.severity),"
	" f.code COLLATE \"C\", f.object COLLATE \"C\", f.message COLLATE \"C\","
	" f.remedy COLLATE \"C\"";

/* account.doctor(): see doctor.sql. Runs as the owner of the function, as the findings do. */
Datum
doctor(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid owner = function_owner(fcinfo->flinfo->fn_oid);
	Oid types[] = {OIDOID, BOOLOID};
	Datum values[2];
	RoleState caller;
	int level;

	version_check();
	values[0] = ObjectIdGetDatum(GetUserId());
	values[1] = BoolGetDatum(sees_all_findings(owner));
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	/* names are compared, and are the same in every session */
	level = NewGUCNestLevel();
	(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	caller = run_as(owner);
	/* a standby has a doctor, too: it only reads */
	(void) statement_run_once(findings_sql, lengthof(types), types, values, NULL,
							  &(StatementOptions){.look = SNAPSHOT_ACTIVE, .without = "jit"});
	run_as_end(caller);
	AtEOXact_GUC(true, level);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum row[5];
		bool nulls[5];

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, row, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
