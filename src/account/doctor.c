/*
 * doctor.c
 *		What account.doctor() asks for that SQL cannot see; the findings themselves are SQL.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "softdelete/softdelete.h"

PG_FUNCTION_INFO_V1(is_preloaded);
PG_FUNCTION_INFO_V1(soft_delete_tables);

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
	Oid function = account_function("soft_delete");
	Relation rel;
	SysScanDesc scan;
	HeapTuple tuple;

	InitMaterializedSRF(fcinfo, 0);
	rel = table_open(TriggerRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		const SoftDelete *found;
		SoftDelete mapping;
		Datum values[10];
		bool nulls[10] = {false};
		Relation target;

		CHECK_FOR_INTERRUPTS();
		if (form->tgfoid != function || OidIsValid(form->tgparentid))
			continue;
		target = try_relation_open(form->tgrelid, AccessShareLock);
		if (target == NULL)
			continue;
		found = mapping_declared(form->tgrelid);
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
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
		relation_close(target, AccessShareLock);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}
