/*
 * mapping.c
 *		Which columns of a table say that a row is deleted.
 *
 * The BEFORE DELETE trigger account.soft_delete(...) is the declaration. Its WHEN clause
 *
 *		account.marks(OLD.deleted_at, OLD.is_deleted, OLD.deleted_by)
 *
 * is always true; it is there for its column references: PostgreSQL follows renames, refuses to
 * drop a column or to change its type, maps the attribute numbers of partitions, and dumps it. A
 * column that is not mapped is a NULL constant. There is one marks() for each type of stamp: a cast
 * between the two would hang on the TimeZone. The options are the trigger's arguments.
 *
 * The planner asks for every table of every statement, so answers are kept per backend, "no soft
 * delete" too. An entry is valid from its last store on, unless something changed while it was
 * filled; a relation cache invalidation only marks.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/relcache.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "mapping.h"

PG_FUNCTION_INFO_V1(marks);

typedef struct MappingEntry
{
	Oid relid; /* hash key */
	bool valid;
	bool declared;
	SoftDelete mapping;
} MappingEntry;

/* So many are kept at least before those that are outdated are looked for. */
#define SWEEP_MIN 128

const SoftDeleteOptions soft_delete_defaults = {
	.hide = true, .on_parent_delete = PARENT_DELETE_REFUSE, .on_reinsert = ON_REINSERT_REFUSE};

static HTAB *mappings = NULL;
static long sweep_at = SWEEP_MIN;

/* account.marks(...): always true; carries the mapping in a trigger's WHEN clause. */
Datum
marks(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/* Types that deleted_at, flag and deleted_by may have, domains over them too. */
bool
fits_deleted_at(Oid type)
{
	StampType stamp;

	return stamp_resolve(&stamp, type, -1);
}

bool
fits_flag(Oid type)
{
	return getBaseType(type) == BOOLOID;
}

bool
fits_deleted_by(Oid type)
{
	Oid base = getBaseType(type);

	return base == TEXTOID || base == VARCHAROID;
}

/* Mark what is known of a relation, or of all, as outdated. */
static void
relation_changed(Oid relid)
{
	HASH_SEQ_STATUS status;
	MappingEntry *entry;

	if (OidIsValid(relid))
	{
		entry = hash_search(mappings, &relid, HASH_FIND, NULL);
		if (entry != NULL)
			entry->valid = false;
		return;
	}
	hash_seq_init(&status, mappings);
	while ((entry = hash_seq_search(&status)) != NULL)
		entry->valid = false;
}

/*
 * Between transactions nobody holds an entry: those of relations that have changed, or are dropped,
 * go.
 */
static void
transaction_ends(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS status;
	MappingEntry *entry;

	if ((event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) ||
		hash_get_num_entries(mappings) < sweep_at)
		return;
	hash_seq_init(&status, mappings);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!entry->valid)
			(void) hash_search(mappings, &entry->relid, HASH_REMOVE, NULL);
	sweep_at = Max(SWEEP_MIN, 2 * hash_get_num_entries(mappings));
}

/* Make the empty cache. */
void
mapping_init(void)
{
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(MappingEntry)};

	mappings = hash_create("pgaccount mappings", 128, &ctl, HASH_ELEM | HASH_BLOBS);
	relation_changes_follow(relation_changed);
	RegisterXactCallback(transaction_ends, NULL);
}

/* The column that is an argument of marks(); NULL: it is a constant. */
static Var *
marked_column(Node *arg)
{
	while (arg != NULL && IsA(arg, RelabelType))
		arg = (Node *) ((RelabelType *) arg)->arg;
	return arg != NULL && IsA(arg, Var) ? (Var *) arg : NULL;
}

/*
 * Read the columns from the trigger's WHEN clause. False: it is none that we would have written.
 * Any table owner may write one by hand: the types of the columns are what marks() takes, which
 * other types may look like (xml is relabelled to text), or a column is none.
 */
static bool
read_columns(Trigger *trigger, const Oid *marks_functions, SoftDelete *mapping)
{
	Node *qual;
	FuncExpr *call;
	Var *deleted_at;
	Var *flag;
	Var *deleted_by;

	if (trigger->tgqual == NULL)
		return false;
	qual = stringToNode(trigger->tgqual);
	if (qual != NULL && IsA(qual, List) && list_length((List *) qual) == 1)
		qual = linitial((List *) qual);
	if (qual == NULL || !IsA(qual, FuncExpr))
		return false;
	call = (FuncExpr *) qual;
	if (call->funcid != marks_functions[0] && call->funcid != marks_functions[1])
		return false;
	deleted_at = marked_column(linitial(call->args));
	flag = marked_column(lsecond(call->args));
	deleted_by = marked_column(lthird(call->args));
	if (deleted_at == NULL || deleted_at->varattno <= 0 ||
		!stamp_resolve(&mapping->stamp, deleted_at->vartype, deleted_at->vartypmod) ||
		(flag != NULL && flag->varattno < 0) || (deleted_by != NULL && deleted_by->varattno < 0))
		return false;
	mapping->deleted_at = deleted_at->varattno;
	mapping->flag = flag != NULL && fits_flag(flag->vartype) ? flag->varattno : InvalidAttrNumber;
	mapping->deleted_by = deleted_by != NULL && fits_deleted_by(deleted_by->vartype)
							  ? deleted_by->varattno
							  : InvalidAttrNumber;
	return true;
}

/* The word for a value of on_parent_delete. */
const char *
parent_delete_name(ParentDelete value)
{
	return value == PARENT_DELETE_DELETE ? "delete" : "refuse";
}

/* The word for a value of on_reinsert. */
const char *
reinsert_name(OnReinsert value)
{
	return value == ON_REINSERT_REPLACE ? "replace" : "refuse";
}

/* Read the options from the trigger's arguments; what is not there has its default. */
static void
read_options(Trigger *trigger, SoftDeleteOptions *options)
{
	*options = soft_delete_defaults;
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *arg = trigger->tgargs[i];

		if (strcmp(arg, "hide=false") == 0)
			options->hide = false;
		else if (strcmp(arg, "guard_references=true") == 0)
			options->guard_references = true;
		else if (strcmp(arg, "children=true") == 0)
			options->children = true;
		else if (strcmp(arg, "on_parent_delete=delete") == 0)
			options->on_parent_delete = PARENT_DELETE_DELETE;
		else if (strcmp(arg, "on_reinsert=replace") == 0)
			options->on_reinsert = ON_REINSERT_REPLACE;
	}
}

/* The two account.marks(): by the type of the stamp. InvalidOid: it is not there. */
static void
find_marks(Oid *functions)
{
	static const Oid types[][3] = {{TIMESTAMPTZOID, BOOLOID, TEXTOID},
								   {TIMESTAMPOID, BOOLOID, TEXTOID}};

	for (int i = 0; i < lengthof(types); i++)
		functions[i] = account_function_of("marks", lengthof(types[i]), types[i]);
}

/*
 * Fill an entry from the relation's triggers. Looking functions and types up may rebuild the
 * relation's cache entry, triggers and all; so this works on a copy of them.
 */
static void
fill_entry(MappingEntry *entry)
{
	uint64 changes = relation_changes_seen();
	Relation rel = RelationIdGetRelation(entry->relid);
	SoftDelete found = {.relid = entry->relid};
	bool declared = false;

	if (RelationIsValid(rel) && rel->trigdesc != NULL && rel->trigdesc->trig_delete_before_row &&
		(rel->rd_rel->relkind == RELKIND_RELATION ||
		 rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE))
	{
		MemoryContext scratch =
			AllocSetContextCreate(CurrentMemoryContext, "pgaccount mapping", ALLOCSET_SMALL_SIZES);
		MemoryContext old = MemoryContextSwitchTo(scratch);
		TriggerDesc *triggers = CopyTriggerDesc(rel->trigdesc);
		Oid declaring = account_function("soft_delete");
		Oid step = account_function("soft_delete_step");
		Oid marks_functions[2];

		find_marks(marks_functions);
		for (int i = 0; OidIsValid(declaring) && i < triggers->numtriggers; i++)
		{
			Trigger *trigger = &triggers->triggers[i];
			SoftDelete columns = found;

			if (trigger->tgfoid == declaring &&
				TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
									 TRIGGER_TYPE_DELETE) &&
				read_columns(trigger, marks_functions, &columns))
			{
				found = columns;
				found.trigger = trigger->tgoid;
				found.enabled = trigger->tgenabled;
				read_options(trigger, &found.options);
				declared = true;
			}
			else if (trigger->tgfoid == step)
				found.sync_trigger = trigger->tgoid;
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(scratch);
	}
	if (RelationIsValid(rel))
		RelationClose(rel);

	entry->mapping = found;
	entry->declared = declared;
	/* what changed meanwhile may not be in it; who asks the next time finds it out anew */
	entry->valid = changes == relation_changes_seen();
}

/* The mapping of a table, or NULL when it has no soft delete. */
const SoftDelete *
mapping_declared(Oid relid)
{
	MappingEntry *entry;
	bool found;

	if (relid < FirstNormalObjectId || !OidIsValid(account_schema()))
		return NULL;
	entry = hash_search(mappings, &relid, HASH_ENTER, &found);
	if (!found)
		entry->valid = false;
	if (!entry->valid)
		fill_entry(entry); /* dynahash never moves an entry */
	return entry->declared ? &entry->mapping : NULL;
}

/* The same, unless the trigger does not fire in this session. */
const SoftDelete *
mapping_active(Oid relid)
{
	const SoftDelete *mapping = mapping_declared(relid);

	if (mapping == NULL)
		return NULL;
	if (mapping->enabled == TRIGGER_DISABLED)
		return NULL;
	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
	{
		if (mapping->enabled == TRIGGER_FIRES_ON_ORIGIN)
			return NULL;
	}
	else if (mapping->enabled == TRIGGER_FIRES_ON_REPLICA)
		return NULL;
	return mapping;
}

/* The mapping of a table that a caller named; raises where it has none. */
const SoftDelete *
mapping_of_table(Oid relid)
{
	const SoftDelete *mapping = mapping_declared(relid);

	if (mapping == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("table \"%s\" has no soft delete", get_rel_name(relid)),
						errdetail("All its rows are live; a DELETE removes them for good."),
						errhint("Call account.enable_soft_delete for it first.")));
	return mapping;
}

/* SQL: the assignments of an UPDATE that deletes rows softly; stamp and actor are expressions. */
char *
sql_set_deleted(const SoftDelete *mapping, const char *stamp, const char *actor)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s = %s", sql_column(mapping->relid, mapping->deleted_at), stamp);
	if (mapping->flag != InvalidAttrNumber)
		appendStringInfo(&sql, ", %s = true", sql_column(mapping->relid, mapping->flag));
	if (mapping->deleted_by != InvalidAttrNumber)
		/* an explicit cast, which cuts a name to the column's length */
		appendStringInfo(&sql, ", %s = %s::%s", sql_column(mapping->relid, mapping->deleted_by),
						 actor, sql_column_type(mapping->relid, mapping->deleted_by));
	return sql.data;
}

/* SQL: the assignments of an UPDATE that brings rows back. */
char *
sql_set_live(const SoftDelete *mapping)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s = NULL", sql_column(mapping->relid, mapping->deleted_at));
	if (mapping->flag != InvalidAttrNumber)
		appendStringInfo(&sql, ", %s = false", sql_column(mapping->relid, mapping->flag));
	if (mapping->deleted_by != InvalidAttrNumber)
		appendStringInfo(&sql, ", %s = NULL", sql_column(mapping->relid, mapping->deleted_by));
	return sql.data;
}

/* The stamp of a row; 0, and is_live, where it has none. */
TimestampTz
row_stamp(HeapTuple tuple, TupleDesc desc, const SoftDelete *mapping, bool *is_live)
{
	Datum value = heap_getattr(tuple, mapping->deleted_at, desc, is_live);

	return *is_live ? 0 : DatumGetTimestampTz(value);
}

/* The first stamp that is not earlier than an interval before a stamp. */
TimestampTz
first_stamp(TimestampTz stamp, const Interval *within)
{
	double span;

	if (within == NULL || TIMESTAMP_NOT_FINITE(stamp))
		return stamp;
	span = (double) within->time +
		   ((double) within->month * DAYS_PER_MONTH + within->day + 1) * USECS_PER_DAY;
	if ((double) stamp - 1.1 * span < (double) MIN_TIMESTAMP)
		return DT_NOBEGIN;
	return DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_mi_interval, TimestampTzGetDatum(stamp), IntervalPGetDatum(within)));
}

/* SQL: the stamp of a row as a timestamptz. */
char *
sql_row_stamp(Oid relid, const char *alias)
{
	SoftDelete mapping = *mapping_of_table(relid);

	return sql_instant(psprintf("%s.%s", alias, sql_column(relid, mapping.deleted_at)),
					   mapping.stamp.base);
}

static const StampType instants = {TIMESTAMPTZOID, -1, TIMESTAMPTZOID, -1};

/* SQL: a timestamptz as the column of a table has it. */
char *
sql_stamp_value(Oid relid, const char *instant)
{
	SoftDelete mapping = *mapping_of_table(relid);

	return sql_stamp_from(&mapping.stamp, instant, &instants);
}

/*
 * SQL: the stamp of a row of child, in the precision that it shares with stamps of parent, whose
 * type is put into *stamp.
 */
static char *
shared_stamp(Oid child, const char *alias, Oid parent, StampType *stamp)
{
	SoftDelete mapping = *mapping_of_table(child);
	int32 typmod = mapping_of_table(parent)->stamp.typmod;
	char *column = psprintf("%s.%s", alias, sql_column(child, mapping.deleted_at));

	*stamp = mapping.stamp;
	if (typmod < 0 || (stamp->typmod >= 0 && stamp->typmod <= typmod))
		return column;
	stamp->typmod = typmod;
	return psprintf("%s::%s", column, sql_type(stamp->base, typmod));
}

/* SQL: has the row of child this stamp, of a row of parent? */
char *
sql_same_stamp(Oid child, const char *alias, Oid parent, const char *instant)
{
	StampType stamp;
	char *own = shared_stamp(child, alias, parent, &stamp);

	return psprintf("%s OPERATOR(pg_catalog.=) %s", own,
					sql_stamp_from(&stamp, instant, &instants));
}

/* SQL: the same, or an earlier one, not earlier than since. */
char *
sql_stamp_since(Oid child, const char *alias, Oid parent, const char *since, const char *instant)
{
	StampType stamp;
	char *own = shared_stamp(child, alias, parent, &stamp);

	return psprintf("%s OPERATOR(pg_catalog.>=) %s AND %s OPERATOR(pg_catalog.<=) %s", own,
					sql_stamp_from(&stamp, since, &instants), own,
					sql_stamp_from(&stamp, instant, &instants));
}

/* OID of account.purge(regclass, interval, bigint, boolean), else InvalidOid. */
Oid
account_purge_function(void)
{
	static const Oid types[] = {REGCLASSOID, INTERVALOID, INT8OID, BOOLOID};

	return account_function_of("purge", lengthof(types), types);
}
