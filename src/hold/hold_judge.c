/*
 * hold_judge.c
 *		Is a row under a hold, or would it go with one that is?
 *
 * A row that would go references one that must stay, over a key that cascades, by catalog or
 * policy. So the walk goes up, from the row to those that it references, row by row, until it comes
 * to one under a hold, or has seen all. References to rows that are gone lead nowhere: whoever
 * removed them was judged then.
 *
 * Rows are looked at as they are now, whatever the transaction's snapshot is, as referential checks
 * look, and as the owners of their tables.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "hold_judge.h"
#include "hold_state.h"

/* So many parents are remembered at most, of keys of so many bytes. */
#define MAX_FREE  65536
#define MAX_IMAGE 48

/* A parent, by the key that references it. */
typedef struct ParentKey
{
	Oid constraint;
	Oid declared;
	int32 length;
	char image[MAX_IMAGE];
} ParentKey;

/* Where a row is stored. */
typedef struct RowPlace
{
	Oid tab;
	ItemPointerData tid;
} RowPlace;

/* A parent that must stay, and why; so must whatever would go with it. */
typedef struct HeldParent
{
	ParentKey key;
	HoldFound found;
} HeldParent;

struct HoldJudge
{
	MemoryContext context;
	HTAB *free; /* ParentKey: neither this row nor what it references is under a hold */
	HTAB *held; /* HeldParent; NULL: none yet */
};

/* A row that a walk has come to. */
typedef struct WalkRow
{
	RowPlace place;
	int from;       /* the row of the walk that references it; START */
	ParentKey *key; /* by which; NULL: it is too long */
} WalkRow;

/* The row that a walk begins with. */
#define START (-1)

/* One walk. */
typedef struct Walk
{
	HoldJudge *judge;
	List *rows;  /* WalkRow: to be looked at, and those that were */
	int at;      /* which is looked at; START */
	HTAB *seen;  /* RowPlace; NULL: few yet */
	List *asked; /* ParentKey */
	HoldFound *found;
} Walk;

/* A judge for the rows of one statement. */
HoldJudge *
hold_judge_make(void)
{
	HoldJudge *judge = palloc(sizeof(HoldJudge));
	HASHCTL ctl = {
		.keysize = sizeof(ParentKey), .entrysize = sizeof(ParentKey), .hcxt = CurrentMemoryContext};

	judge->context = CurrentMemoryContext;
	judge->held = NULL;
	judge->free =
		hash_create("pgaccount free parents", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return judge;
}

/* The values of an edge's key in a row; false: one is NULL, so it references nothing. */
static bool
read_key(const FkEdge *edge, Relation rel, TupleTableSlot *slot, Datum *keys, Oid *types)
{
	for (int i = 0; i < edge->nkeys; i++)
	{
		AttrNumber attnum = hold_column_in(rel, edge->child, edge->child_cols[i]);
		bool isnull;

		keys[i] = slot_getattr(slot, attnum, &isnull);
		if (isnull)
			return false;
		types[i] = TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid;
	}
	return true;
}

/* Make the key of a parent for the judge's memory. False: it is too long. */
static bool
make_parent_key(const FkEdge *edge, const Datum *keys, const Oid *types, ParentKey *key)
{
	memset(key, 0, sizeof(ParentKey));
	key->constraint = edge->constraint;
	key->declared = edge->declared;
	for (int i = 0; i < edge->nkeys; i++)
	{
		int16 length;
		bool by_value;
		Size size;

		get_typlenbyval(types[i], &length, &by_value);
		size = by_value ? sizeof(Datum) : datumGetSize(keys[i], by_value, length);
		/* a value out of line says nothing by its bytes */
		if (size > sizeof(key->image) - key->length || (length == -1 && size >= 32))
			return false;
		memcpy(key->image + key->length, by_value ? (char *) &keys[i] : DatumGetPointer(keys[i]),
			   size);
		key->length += size;
	}
	return true;
}

/* Is a parent known to have to stay? */
static bool
is_known_held(Walk *walk, const ParentKey *key)
{
	HeldParent *parent =
		walk->judge->held == NULL ? NULL : hash_search(walk->judge->held, key, HASH_FIND, NULL);

	if (parent != NULL)
		*walk->found = parent->found;
	return parent != NULL;
}

/* Remember a parent that has to stay. */
static void
remember_held(HoldJudge *judge, const ParentKey *key, const HoldFound *found)
{
	HeldParent *parent;
	bool known;

	if (judge->held == NULL)
	{
		HASHCTL ctl = {
			.keysize = sizeof(ParentKey), .entrysize = sizeof(HeldParent), .hcxt = judge->context};

		judge->held =
			hash_create("pgaccount held parents", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	if (hash_get_num_entries(judge->held) >= MAX_FREE)
		return;
	parent = hash_search(judge->held, key, HASH_ENTER, &known);
	if (known)
		return;
	parent->found = *found;
	parent->found.own = false;
	parent->found.key = MemoryContextStrdup(judge->context, found->key);
}

/*
 * The walk has come to a row that must stay: so must those over which it came there. Each is looked
 * at once: of a chain of rows under a hold every one would be the begin of a walk to its end.
 */
static void
remember_way(Walk *walk)
{
	int i = walk->at;

	while (i != START)
	{
		const WalkRow *row = list_nth(walk->rows, i);

		if (row->key != NULL)
			remember_held(walk->judge, row->key, walk->found);
		i = row->from;
	}
}

/* Add a row to those that are to be looked at, unless it was; key: what has led to it. */
static void
add_row(Walk *walk, Oid tab, ItemPointer tid, ParentKey *key)
{
	RowPlace place;
	WalkRow *row;
	bool found;

	memset(&place, 0, sizeof(place));
	place.tab = tab;
	place.tid = *tid;
	if (walk->seen == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(RowPlace),
					   .entrysize = sizeof(RowPlace),
					   .hcxt = CurrentMemoryContext};

		walk->seen =
			hash_create("pgaccount rows seen", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(walk->seen, &place, HASH_ENTER, &found);
	if (found)
		return;
	row = palloc(sizeof(WalkRow));
	row->place = place;
	row->from = walk->at;
	row->key = key;
	walk->rows = lappend(walk->rows, row);
}

/*
 * Add the rows that a row references over an edge. True: they are known to have to stay. Within
 * SPI_connect.
 */
static bool
add_parents(Walk *walk, const FkEdge *edge, Relation rel, TupleTableSlot *slot,
			MemoryContext memory)
{
	Datum keys[INDEX_MAX_KEYS];
	Oid types[INDEX_MAX_KEYS];
	ParentKey parent;
	ParentKey *asked = NULL;
	bool short_key;
	KeptStatement *plan;
	RoleState caller;
	MemoryContext old;

	if (!read_key(edge, rel, slot, keys, types))
		return false;
	short_key = make_parent_key(edge, keys, types, &parent);
	if (short_key && hash_search(walk->judge->free, &parent, HASH_FIND, NULL) != NULL)
		return false;
	if (short_key && is_known_held(walk, &parent))
		return true;
	caller = run_as(relation_owner(edge->parent));
	plan = plan_lookup(PLAN_HOLD_PARENT, edge->constraint, edge->declared);
	if (plan == NULL)
	{
		char *sql =
			psprintf(OWN_STATEMENT "SELECT p.tableoid, p.ctid FROM %s p WHERE %s",
					 sql_keyed_relation(edge->parent), fk_join(edge, "p", false, "$", true));

		plan = plan_keep_lookup(PLAN_HOLD_PARENT, edge->constraint, edge->declared, sql,
								edge->nkeys, types);
	}
	(void) statement_run(plan, keys, NULL, &(StatementOptions){.look = SNAPSHOT_ACTIVE});
	run_as_end(caller);

	old = MemoryContextSwitchTo(memory);
	if (short_key)
	{
		asked = palloc(sizeof(ParentKey));
		*asked = parent;
		walk->asked = lappend(walk->asked, asked);
	}
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Oid tab = DatumGetObjectId(
			SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		ItemPointer tid = (ItemPointer) DatumGetPointer(
			SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));

		add_row(walk, tab, tid, asked);
	}
	MemoryContextSwitchTo(old);
	statement_free_rows();
	return false;
}

/* `(a, b)=(1, 2)`: the key of a row under a hold, as messages show it. */
static char *
display_key(const HoldTable *table, Relation rel, TupleTableSlot *slot)
{
	Bitmapset *columns = hold_key_columns(table);
	StringInfoData names;
	StringInfoData values;
	int attnum = -1;

	initStringInfo(&names);
	initStringInfo(&values);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		AttrNumber number = hold_column_in(rel, table->relid, attnum);
		Datum value;
		bool isnull;
		Oid output;
		bool is_varlena;

		value = slot_getattr(slot, number, &isnull);
		getTypeOutputInfo(TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid, &output,
						  &is_varlena);
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 get_attname(table->relid, attnum, false));
		appendStringInfo(&values, "%s%s", values.len > 0 ? ", " : "",
						 isnull ? "null" : OidOutputFunctionCall(output, value));
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

/*
 * Look at a row: is it under a hold? Else what it references is to be looked at. Within
 * SPI_connect; memory is where the walk keeps what it finds.
 */
static bool
look_at(Walk *walk, Relation rel, TupleTableSlot *slot, MemoryContext memory)
{
	const HoldTable *table = hold_table_of(RelationGetRelid(rel));
	ListCell *lc;

	if (table == NULL)
		return false;
	walk->found->hold = hold_of_row(table, rel, slot);
	if (walk->found->hold != 0)
	{
		MemoryContext old = MemoryContextSwitchTo(memory);

		walk->found->target = table->relid;
		walk->found->key = display_key(table, rel, slot);
		walk->found->own = walk->at == START;
		MemoryContextSwitchTo(old);
		return true;
	}
	foreach (lc, table->up)
		if (add_parents(walk, lfirst(lc), rel, slot, memory))
			return true;
	return false;
}

/* Look at a row by where it is stored. False also where it is not there. */
static bool
look_at_tid(Walk *walk, const RowPlace *place, MemoryContext memory)
{
	Relation rel = try_table_open(place->tab, AccessShareLock);
	TupleTableSlot *slot;
	ItemPointerData tid = place->tid;
	bool found;

	if (rel == NULL)
		return false;
	slot = table_slot_create(rel, NULL);
	found = table_tuple_fetch_row_version(rel, &tid, GetActiveSnapshot(), slot) &&
			look_at(walk, rel, slot, memory);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return found;
}

/* None of the parents that were asked for is under a hold: remember that. */
static void
remember(Walk *walk)
{
	ListCell *lc;

	foreach (lc, walk->asked)
		if (hash_get_num_entries(walk->judge->free) < MAX_FREE)
			(void) hash_search(walk->judge->free, lfirst(lc), HASH_ENTER, NULL);
}

/* Walk up from a row that is given (rel, slot) or stored (place). */
static bool
judge(Walk *walk, Relation rel, TupleTableSlot *slot, const RowPlace *place)
{
	MemoryContext memory = CurrentMemoryContext;
	bool held;

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	walk->at = START;
	held = place != NULL ? look_at_tid(walk, place, memory) : look_at(walk, rel, slot, memory);
	for (int i = 0; !held && i < list_length(walk->rows); i++)
	{
		CHECK_FOR_INTERRUPTS();
		walk->at = i;
		held = look_at_tid(walk, &((WalkRow *) list_nth(walk->rows, i))->place, memory);
	}
	if (held)
		remember_way(walk);
	else
		remember(walk);
	PopActiveSnapshot();
	SPI_finish();
	if (walk->seen != NULL)
		hash_destroy(walk->seen);
	return held;
}

/* Is a row free, as far as can be told without looking at others? */
static bool
is_free(HoldJudge *the_judge, Relation rel, TupleTableSlot *slot)
{
	const HoldTable *table = hold_table_of(RelationGetRelid(rel));
	ListCell *lc;

	if (table == NULL)
		return true;
	if (hold_of_row(table, rel, slot) != 0)
		return false;
	foreach (lc, table->up)
	{
		const FkEdge *edge = lfirst(lc);
		Datum keys[INDEX_MAX_KEYS];
		Oid types[INDEX_MAX_KEYS];
		ParentKey parent;

		if (read_key(edge, rel, slot, keys, types) &&
			(!make_parent_key(edge, keys, types, &parent) ||
			 hash_search(the_judge->free, &parent, HASH_FIND, NULL) == NULL))
			return false;
	}
	return true;
}

/* Must a row stay? */
bool
hold_judge_row(HoldJudge *the_judge, Relation rel, TupleTableSlot *slot, HoldFound *found)
{
	Walk walk = {.judge = the_judge, .found = found};

	memset(found, 0, sizeof(HoldFound));
	return !is_free(the_judge, rel, slot) && judge(&walk, rel, slot, NULL);
}

/* The same of a row by where it is stored. */
bool
hold_judge_tid(HoldJudge *the_judge, Oid tab, ItemPointer tid, HoldFound *found)
{
	Walk walk = {.judge = the_judge, .found = found};
	RowPlace place = {tab, *tid};

	memset(found, 0, sizeof(HoldFound));
	return hold_concerns(tab) && judge(&walk, NULL, NULL, &place);
}

/* Raise PT423 if it must stay. */
void
hold_check_row(HoldJudge *the_judge, Oid tab, ItemPointer tid)
{
	HoldFound found;

	if (hold_judge_tid(the_judge, tab, tid, &found))
		hold_refuse(tab, &found);
}

/* Raise PT423 for a row of a table. */
void
hold_refuse(Oid relid, const HoldFound *found)
{
	char *table = get_rel_name(relid);
	bool verbose = pgaccount_error_detail == ERROR_DETAIL_VERBOSE;
	char *target = display_relation(found->target);

	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_HELD),
			 errmsg("a row of \"%s\" must stay: it is under a legal hold", table),
			 !verbose
				 ? errdetail("It is hold " INT64_FORMAT " on a row of %s.", found->hold, target)
			 : found->own
				 ? errdetail("Key %s of %s is under hold " INT64_FORMAT ".", found->key, target,
							 found->hold)
				 : errdetail("It would go with key %s of %s, which is under hold " INT64_FORMAT ".",
							 found->key, target, found->hold),
			 errhint("It can be deleted softly; it is removed or erased once "
					 "account.release_hold(" INT64_FORMAT ", reason) has ended the hold.",
					 found->hold),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(get_rel_namespace(relid))),
			 err_generic_string(PG_DIAG_TABLE_NAME, table)));
}
