/*
 * hold_state.c
 *		Which tables holds are about, and the keys of rows under one, kept by the backend.
 *
 * The open holds are read from account.held_row, and the references over which a removal would take
 * rows along are followed down from their tables. What comes of it is kept until holds, or one of
 * these tables, change: whoever changes them sends a relation cache invalidation. A hold is placed
 * under locks on all these tables that keep writers off (hold.c), so a statement that has its locks
 * has been told of it.
 *
 * Keys are values, compared as the type's default btree compares them, in sorted arrays. They are
 * read as the owner of the table, under fixed settings for dates and numbers. Where one cannot be
 * read any more (a column is gone, a label of an enum has another name, a composite type another
 * attribute), every row of the table counts as being under its hold.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "softdelete/softdelete.h"
#include "hold_state.h"

/* A row under a hold. */
typedef struct HeldKey
{
	int64 hold;
	Datum *values;
} HeldKey;

/* How a column of keys is read and compared. */
typedef struct KeyType
{
	AttrNumber attnum; /* of the table */
	Oid type;          /* of values, domains resolved */
	Oid collation;
	FmgrInfo *compare;
} KeyType;

/* Rows of a table under a hold, named by the same columns. */
typedef struct HeldKeys
{
	Oid relid;
	List *names; /* of the columns: char * */
	int ncols;
	KeyType *types;
	int64 unreadable; /* a hold whose key cannot be read: all rows are under it; 0: none */
	HeldKey *keys;    /* sorted */
	int n;
	int allocated;
} HeldKeys;

/* A table or a partition of one. */
typedef struct HoldPart
{
	Oid relid; /* hash key */
	HoldTable *table;
} HoldPart;

static struct
{
	bool valid;
	MemoryContext context;
	Oid registry; /* account.held_row */
	HTAB *parts;  /* NULL: there are no holds */
} state;

/* A relation changed: is what is known outdated? */
static void
relation_changed(Oid relid)
{
	if (!state.valid)
		return;
	if (!OidIsValid(relid) || relid == state.registry ||
		(state.parts != NULL && hash_search(state.parts, &relid, HASH_FIND, NULL) != NULL))
		state.valid = false;
}

/* Keep what is read until something changes. */
void
hold_state_init(void)
{
	relation_changes_follow(relation_changed);
}

/* Are the values of a key in these columns, of these types? Else they cannot be compared. */
static bool
find_types(HeldKeys *held)
{
	held->types = palloc0(held->ncols * sizeof(KeyType));
	for (int i = 0; i < held->ncols; i++)
	{
		KeyType *type = &held->types[i];
		Oid typid;
		int32 typmod;

		type->attnum = get_attnum(held->relid, list_nth(held->names, i));
		if (type->attnum <= 0)
			return false;
		get_atttypetypmodcoll(held->relid, type->attnum, &typid, &typmod, &type->collation);
		type->type = getBaseType(typid);
		type->compare = &lookup_type_cache(type->type, TYPECACHE_CMP_PROC_FINFO)->cmp_proc_finfo;
		if (!OidIsValid(type->compare->fn_oid))
			return false;
	}
	return true;
}

/* Those of the same columns among the held rows of a table; made if there are none. */
static HeldKeys *
held_keys(HoldTable *table, List *names)
{
	HeldKeys *held;
	ListCell *lc;

	foreach (lc, table->held)
	{
		bool same;

		held = lfirst(lc);
		same = held->ncols == list_length(names);
		for (int i = 0; same && i < held->ncols; i++)
			same = strcmp(list_nth(held->names, i), list_nth(names, i)) == 0;
		if (same)
			return held;
	}
	held = palloc0(sizeof(HeldKeys));
	held->relid = table->relid;
	held->names = names;
	held->ncols = list_length(names);
	if (!find_types(held))
		held->unreadable = -1;
	table->held = lappend(table->held, held);
	return held;
}

/* Is a value of a type one for ever, whatever becomes of other objects? */
static bool
is_steadfast(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

/* A value that is read by its type's function. */
typedef struct ReadValue
{
	Oid input;
	Oid param;
	char *text;
	Datum value;
} ReadValue;

/* Read it. */
static bool
read_text(void *arg)
{
	ReadValue *read = arg;

	read->value = OidInputFunctionCall(read->input, read->text, read->param, -1);
	return true;
}

/*
 * Read a value. False: it is none of its type any more. Labels of an enum, attributes of a
 * composite type, domains within and what a name stands for may have changed: then that is an
 * answer, and no error in whatever statement comes to ask; a subtransaction takes it.
 */
static bool
read_value(const KeyType *type, char *text, Datum *value)
{
	ReadValue read = {.text = text};
	ErrorData *error = NULL;

	getTypeInputInfo(type->type, &read.input, &read.param);
	if (is_steadfast(type->type))
		(void) read_text(&read);
	else
		error = subtransaction_run(read_text, &read);
	if (error != NULL)
	{
		error_raise_foreign(error);
		FreeErrorData(error);
		return false;
	}
	*value = read.value;
	return true;
}

/* Add the key of a row under a hold. */
static void
add_key(HeldKeys *held, int64 hold, const List *texts)
{
	HeldKey *key;

	if (held->unreadable != 0 || list_length(texts) != held->ncols)
	{
		held->unreadable = hold;
		return;
	}
	if (held->n == held->allocated)
	{
		held->allocated = Max(16, 2 * held->allocated);
		held->keys = held->keys == NULL
						 ? palloc(held->allocated * sizeof(HeldKey))
						 : repalloc_huge(held->keys, held->allocated * sizeof(HeldKey));
	}
	key = &held->keys[held->n];
	key->hold = hold;
	key->values = palloc(held->ncols * sizeof(Datum));
	for (int i = 0; i < held->ncols; i++)
		if (!read_value(&held->types[i], list_nth(texts, i), &key->values[i]))
		{
			held->unreadable = hold;
			return;
		}
	held->n++;
}

/* Compare two keys. */
static int
compare_values(const HeldKeys *held, const Datum *one, const Datum *other)
{
	for (int i = 0; i < held->ncols; i++)
	{
		int result = DatumGetInt32(
			FunctionCall2Coll(held->types[i].compare, held->types[i].collation, one[i], other[i]));

		if (result != 0)
			return result;
	}
	return 0;
}

/* The same, for sorting: the oldest hold of a row comes first. */
static int
compare_keys(const void *a, const void *b, void *arg)
{
	const HeldKey *one = a;
	const HeldKey *other = b;
	int result = compare_values(arg, one->values, other->values);

	return result != 0 ? result : (one->hold > other->hold) - (one->hold < other->hold);
}

/* An array of text or names as a list of strings. */
static List *
strings_of(Datum value, Oid type)
{
	ArrayType *array = DatumGetArrayTypePCopy(value);
	List *strings = NIL;
	Datum *elements;
	bool *nulls;
	int n;

	deconstruct_array(array, type, type == NAMEOID ? NAMEDATALEN : -1, false,
					  type == NAMEOID ? TYPALIGN_CHAR : TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		strings = lappend(strings, nulls[i]          ? pstrdup("")
								   : type == NAMEOID ? pstrdup(NameStr(*DatumGetName(elements[i])))
													 : TextDatumGetCString(elements[i]));
	return strings;
}

/* An open hold as it is stored. */
typedef struct StoredHold
{
	int64 hold;
	Oid target;
	List *columns;
	List *key;
} StoredHold;

/* The open holds. In the current memory context. */
static List *
read_holds(Relation registry)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = compat_table_beginscan(registry, snapshot);
	TupleTableSlot *slot = table_slot_create(registry, NULL);
	List *holds = NIL;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		StoredHold *stored;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (!slot->tts_isnull[7] || slot->tts_isnull[0] || slot->tts_isnull[1] ||
			slot->tts_isnull[2] || slot->tts_isnull[3])
			continue;
		stored = palloc(sizeof(StoredHold));
		stored->hold = DatumGetInt64(slot->tts_values[0]);
		stored->target = DatumGetObjectId(slot->tts_values[1]);
		stored->columns = strings_of(slot->tts_values[2], NAMEOID);
		stored->key = strings_of(slot->tts_values[3], TEXTOID);
		holds = lappend(holds, stored);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	return holds;
}

/* Would a removal take rows along over this edge? */
static bool
takes_along(const FkEdge *edge)
{
	return fk_edge_follows(edge, false) || edge->catalog_action == FKCONSTR_ACTION_CASCADE;
}

/* The entry of a node; made in the kept memory if there is none. */
static HoldTable *
table_of_node(FkNode *node, List **tables)
{
	if (node->data == NULL)
	{
		HoldTable *table = MemoryContextAllocZero(state.context, sizeof(HoldTable));

		table->relid = node->relid;
		node->data = table;
		*tables = lappend(*tables, node);
	}
	return node->data;
}

/* Follow references down from the tables that holds are on. tables: FkNode, which grows. */
static void
follow_down(List **tables)
{
	for (int i = 0; *tables != NIL && i < list_length(*tables); i++)
	{
		FkNode *node = list_nth(*tables, i);
		HoldTable *parent = node->data;
		ListCell *lc;

		CHECK_FOR_INTERRUPTS();
		foreach (lc, node->referencing)
		{
			FkEdge *edge = lfirst(lc);
			HoldTable *child;
			MemoryContext old;

			if (!takes_along(edge))
				continue;
			child = table_of_node(edge->child_node, tables);
			if (child->some == 0)
			{
				child->some = parent->some;
				child->some_target = parent->some_target;
			}
			old = MemoryContextSwitchTo(state.context);
			child->up = lappend(child->up, copy_edge(edge));
			MemoryContextSwitchTo(old);
		}
	}
}

/* Enter a table and its partitions. */
static void
enter_parts(HoldTable *table)
{
	ListCell *lc;

	foreach (lc, find_all_inheritors(table->relid, NoLock, NULL))
	{
		Oid relid = lfirst_oid(lc);
		HoldPart *part;

		if (relid != table->relid && !get_rel_relispartition(relid))
			continue;
		part = hash_search(state.parts, &relid, HASH_ENTER, NULL);
		part->table = table;
	}
}

/* Make entries of the holds. In memory that goes. */
static void
build(List *holds)
{
	FkGraph *graph = fk_graph_load();
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(HoldPart), .hcxt = state.context};
	List *tables = NIL;
	ListCell *lc;
	int level;

	state.parts = hash_create("pgaccount holds", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	level = value_formats_begin();
	foreach (lc, holds)
	{
		StoredHold *stored = lfirst(lc);
		HoldTable *table;
		MemoryContext old;
		RoleState saved;

		CHECK_FOR_INTERRUPTS();
		if (get_rel_name(stored->target) == NULL)
			continue;
		table = table_of_node(fk_graph_node(graph, stored->target), &tables);
		if (table->some == 0)
		{
			table->some = stored->hold;
			table->some_target = table->relid;
		}
		saved = run_as(relation_owner(table->relid));
		old = MemoryContextSwitchTo(state.context);
		add_key(held_keys(table, stored->columns), stored->hold, stored->key);
		MemoryContextSwitchTo(old);
		run_as_end(saved);
	}
	foreach (lc, tables)
	{
		ListCell *lc2;

		foreach (lc2, ((HoldTable *) ((FkNode *) lfirst(lc))->data)->held)
		{
			HeldKeys *held = lfirst(lc2);
			RoleState saved = run_as(relation_owner(held->relid));

			if (held->n > 1)
				qsort_arg(held->keys, held->n, sizeof(HeldKey), compare_keys, held);
			run_as_end(saved);
		}
	}
	AtEOXact_GUC(true, level);
	follow_down(&tables);
	foreach (lc, tables)
		enter_parts(((FkNode *) lfirst(lc))->data);
}

/*
 * Read the holds anew. What was known before stays until the end of the transaction: somebody may
 * be looking at it.
 */
static void
refresh(Relation registry)
{
	uint64 changes = relation_changes_seen();
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount holds", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	List *holds;

	state.valid = false;
	if (state.context != NULL)
		MemoryContextSetParent(state.context, TopTransactionContext);
	state.context =
		AllocSetContextCreate(CacheMemoryContext, "pgaccount holds", ALLOCSET_SMALL_SIZES);
	state.parts = NULL;
	state.registry = RelationGetRelid(registry);
	holds = read_holds(registry);
	if (holds != NIL)
		build(holds);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	/* reading the catalogs may have brought news: then this answer is for this time only */
	state.valid = (changes == relation_changes_seen());
}

/* Bring what is known up to date. False: there are no holds. */
static bool
up_to_date(void)
{
	Relation registry;

	if (!OidIsValid(account_schema()))
		return false;
	if (!state.valid)
	{
		registry = own_table_open("held_row", AccessShareLock);
		if (registry == NULL)
			return false;
		refresh(registry);
		table_close(registry, AccessShareLock);
	}
	return state.parts != NULL;
}

/* The entry of a table or partition. */
const HoldTable *
hold_table_of(Oid relid)
{
	HoldPart *part;

	if (!up_to_date())
		return NULL;
	part = hash_search(state.parts, &relid, HASH_FIND, NULL);
	return part != NULL ? part->table : NULL;
}

/* Is a hold about this table or partition, and in force here? */
bool
hold_concerns(Oid relid)
{
	return SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA &&
		   hold_table_of(relid) != NULL;
}

/* All tables and partitions that holds are about, by oid. */
List *
hold_relations(void)
{
	List *relids = NIL;
	HASH_SEQ_STATUS status;
	HoldPart *part;

	if (!up_to_date())
		return NIL;
	hash_seq_init(&status, state.parts);
	while ((part = hash_seq_search(&status)) != NULL)
		relids = lappend_oid(relids, part->relid);
	list_sort(relids, list_oid_cmp);
	return relids;
}

/* The number of a column in a partition, which may have its columns in another order. */
AttrNumber
hold_column_in(Relation rel, Oid relid, AttrNumber attnum)
{
	if (relid == RelationGetRelid(rel))
		return attnum;
	return get_attnum(RelationGetRelid(rel), get_attname(relid, attnum, false));
}

/* The hold that names a key; 0: none does. */
static int64
hold_of_key(const HeldKeys *held, const Datum *values)
{
	int low = 0;
	int high = held->n;

	/* the first that is not less */
	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (compare_values(held, held->keys[middle].values, values) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < held->n && compare_values(held, held->keys[low].values, values) == 0
			   ? held->keys[low].hold
			   : 0;
}

/* The hold that a row is under by its own key. */
int64
hold_of_row(const HoldTable *table, Relation rel, TupleTableSlot *slot)
{
	ListCell *lc;

	foreach (lc, table->held)
	{
		const HeldKeys *held = lfirst(lc);
		Datum values[INDEX_MAX_KEYS];
		bool isnull = held->ncols > INDEX_MAX_KEYS;
		int64 hold = held->unreadable;

		for (int i = 0; hold == 0 && !isnull && i < held->ncols; i++)
			values[i] = slot_getattr(slot, hold_column_in(rel, table->relid, held->types[i].attnum),
									 &isnull);
		if (hold == 0 && !isnull)
			hold = hold_of_key(held, values);
		if (hold != 0)
			return hold;
	}
	return 0;
}

/* The columns whose values name rows under a hold. */
Bitmapset *
hold_key_columns(const HoldTable *table)
{
	Bitmapset *columns = NULL;
	ListCell *lc;

	foreach (lc, table->held)
	{
		const HeldKeys *held = lfirst(lc);

		for (int i = 0; i < held->ncols && held->types != NULL; i++)
			if (held->types[i].attnum > 0)
				columns = bms_add_member(columns, held->types[i].attnum);
	}
	return columns;
}

/* Is there a row with a key? As the table's owner. Within SPI_connect. */
static bool
has_row(const HeldKeys *held, const HeldKey *key)
{
	Oid types[INDEX_MAX_KEYS];
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT 1 FROM %s c WHERE ",
					 sql_keyed_relation(held->relid));
	for (int i = 0; i < held->ncols; i++)
	{
		types[i] = held->types[i].type;
		appendStringInfo(&sql, "%sc.%s %s $%d", i > 0 ? " AND " : "",
						 sql_column(held->relid, held->types[i].attnum), sql_equality(types[i]),
						 i + 1);
	}
	return statement_run_once(sql.data, held->ncols, types, key->values, NULL,
							  &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0;
}

/* A hold that names a row which is not there; 0: there is none. Within SPI_connect. */
int64
hold_without_row(const HoldTable *table)
{
	RoleState saved = run_as(relation_owner(table->relid));
	int64 lost = 0;
	ListCell *lc;

	foreach (lc, table->held)
	{
		const HeldKeys *held = lfirst(lc);

		if (lost == 0)
			lost = held->unreadable;
		for (int i = 0; lost == 0 && i < held->n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (!has_row(held, &held->keys[i]))
				lost = held->keys[i].hold;
		}
	}
	run_as_end(saved);
	return lost;
}

/* Is there a row with the key that a hold names? */
bool
hold_has_row(const HoldTable *table, int64 hold)
{
	RoleState saved = run_as(relation_owner(table->relid));
	bool found = true;
	ListCell *lc;

	foreach (lc, table->held)
	{
		const HeldKeys *held = lfirst(lc);

		for (int i = 0; i < held->n; i++)
			if (held->keys[i].hold == hold)
				found = has_row(held, &held->keys[i]);
	}
	run_as_end(saved);
	return found;
}
