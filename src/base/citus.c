/*
 * citus.c
 *		What Citus has made of a table.
 *
 * Citus keeps the rows of a table in shards, tables of their own on other servers, and leaves the
 * table itself empty. Statements of clients reach the shards, triggers fire there; what reads or
 * writes the table in ways that Citus does not plan, or looks for a registry row where there is
 * none, would do nothing without saying so. Such calls are refused by name.
 *
 * Nothing of Citus is linked: its catalog pg_dist_partition has a row for each table, and the
 * shards carry copies of the table's triggers.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "citus.h"
#include "identifiers.h"
#include "shown_tables.h"
#include "statement.h"

/* The catalog of Citus that has a row for each of its tables; InvalidOid: there is none. */
static Oid
citus_catalog(void)
{
	return get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
}

/* Is Citus installed in this database? Cheap where it is not. */
static bool
has_citus(void)
{
	return OidIsValid(citus_catalog());
}

/* Does Citus keep the rows of this table in shards? */
bool
is_citus_table(Oid relid)
{
	Oid catalog = citus_catalog();
	AttrNumber column;
	ScanKeyData key;
	Relation rel;
	SysScanDesc scan;
	bool found;

	if (!OidIsValid(catalog))
		return false;
	column = get_attnum(catalog, "logicalrelid");
	if (column == InvalidAttrNumber)
		return false;
	rel = table_open(catalog, AccessShareLock);
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Raise, and say what works instead. */
static void
refuse(Oid relid, const char *subject, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("not supported on table \"%s\" of Citus: %s", get_rel_name(relid), subject),
			 errdetail("Its rows are in shards, and not in the table itself."),
			 errhint("%s", hint)));
}

/* Raise where Citus keeps the rows elsewhere; see the header. */
void
refuse_citus_table(Oid relid, const char *subject, const char *hint)
{
	if (is_citus_table(relid))
		refuse(relid, subject, hint);
}

/* The same for a function that works on one shard at a time; see the header. */
void
refuse_citus_beside_shards(Oid relid, const char *subject, const char *call)
{
	if (is_citus_table(relid))
		refuse(relid, subject,
			   psprintf("Run it on each shard: SELECT * FROM run_command_on_shards(%s, "
						"$$SELECT %s$$).",
						sql_literal(sql_relation(relid)), call));
}

/* Raise unless triggers may be put on the table. */
void
check_citus_triggers(Oid relid)
{
	const char *allowed = GetConfigOption("citus.enable_unsafe_triggers", true, false);

	if (is_citus_table(relid) && (allowed == NULL || strcmp(allowed, "on") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" of Citus takes no triggers", get_rel_name(relid)),
				 errdetail("Soft delete is declared by triggers."),
				 errhint("SET citus.enable_unsafe_triggers = on first: ours touch nothing but "
						 "the shard and those colocated with it.")));
}

/* Is the server moving or splitting a shard? See the header. */
bool
citus_copies_shard(void)
{
	return debug_query_string != NULL && has_citus() &&
		   (strstr(debug_query_string, "worker_copy_table_to_node(") != NULL ||
			strstr(debug_query_string, "worker_split_copy(") != NULL);
}

/* Does a name end as those that Citus makes up: with an underscore and a number? */
static bool
ends_in_number(const char *name)
{
	const char *underscore = strrchr(name, '_');

	return underscore != NULL && underscore[1] != '\0' &&
		   strspn(underscore + 1, "0123456789") == strlen(underscore + 1);
}

/* Was this table made in this transaction, under a name that Citus made up? */
static bool
is_new_table_of_citus(Oid relid)
{
	Relation rel = table_open(relid, NoLock);
	bool result = rel->rd_createSubid != InvalidSubTransactionId &&
				  ends_in_number(RelationGetRelationName(rel));

	table_close(rel, NoLock);
	return result;
}

/* The one table that a query reads, without any condition; InvalidOid: it is not of that kind. */
static Oid
whole_table(Query *query)
{
	RangeTblEntry *rte;

	if (query->commandType != CMD_SELECT || list_length(query->rtable) != 1 ||
		query->jointree->quals != NULL)
		return InvalidOid;
	rte = linitial_node(RangeTblEntry, query->rtable);
	return rte->rtekind == RTE_RELATION ? rte->relid : InvalidOid;
}

/*
 * The soft-delete table whose live rows alone the query would read, all of them; InvalidOid: none.
 */
static Oid
hidden_source(Query *query, HidesRows hides)
{
	ListCell *lc;

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		Oid source = rte->rtekind == RTE_SUBQUERY ? whole_table(rte->subquery) : InvalidOid;

		if (OidIsValid(source) && hides(source))
			return source;
	}
	return InvalidOid;
}

/*
 * A statement is about to be planned: is it the one by which Citus rebuilds a table? See the
 * header.
 */
void
citus_rebuild(Query *query, HidesRows hides)
{
	Oid source;

	if (query->commandType != CMD_INSERT || list_length(query->rtable) != 2 || !has_citus() ||
		!is_new_table_of_citus(rt_fetch(query->resultRelation, query->rtable)->relid))
		return;
	source = hidden_source(query, hides);
	if (!OidIsValid(source))
		return;
	if (!shows_all_deleted() || !IsTransactionBlock())
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("deleted rows of \"%s\" would be lost", get_rel_name(source)),
			 errdetail("The table is being rebuilt from what a query sees of it, and deleted "
					   "rows are hidden."),
			 errhint(
				 "BEGIN a transaction block, and SET LOCAL pgaccount.show_deleted = on in it.")));
	/*
	 * that is so here; the shards must show them too, and in a block Citus carries SET LOCAL there
	 */
	SPI_connect();
	run_sql("SET LOCAL citus.propagate_set_commands = 'local'");
	run_sql("SET LOCAL pgaccount.show_deleted = on");
	SPI_finish();
}
