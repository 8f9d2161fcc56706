/*
 * last_member_rule.c
 *		Which tables keep the last member of a role, and by which columns.
 *
 * The triggers are the declaration. The row trigger of members has the role as its argument, and
 * its WHEN clause names the columns: account.marks_member(OLD.tenant_id, OLD.role, OLD.user_id,
 * OLD.is_active). Users and tenants have a constraint trigger FROM members, whose WHEN clause names
 * their key. So PostgreSQL follows renames, refuses to drop what is named, drops the triggers with
 * the tables, and dumps and restores all of it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "softdelete/softdelete.h"
#include "last_member_rule.h"

PG_FUNCTION_INFO_V1(marks_member);

/* account.marks_member(...): always true; names columns in a trigger's WHEN clause. */
Datum
marks_member(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/* The call of marks_member() in a WHEN clause. */
typedef struct FindCall
{
	int nargs;
	FuncExpr *call;
} FindCall;

/* Look for it. */
static bool
find_call(Node *node, FindCall *find)
{
	static const Oid types[] = {ANYOID, ANYOID, ANYOID, ANYOID};

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && list_length(((FuncExpr *) node)->args) == find->nargs &&
		((FuncExpr *) node)->funcid == account_function_of("marks_member", find->nargs, types))
	{
		find->call = (FuncExpr *) node;
		return true;
	}
	return expression_tree_walker(node, find_call, find);
}

/* The column that is an argument; 0: it is a constant. */
static AttrNumber
marked(Node *arg)
{
	while (arg != NULL && IsA(arg, RelabelType))
		arg = (Node *) ((RelabelType *) arg)->arg;
	return arg != NULL && IsA(arg, Var) && ((Var *) arg)->varattno > 0 ? ((Var *) arg)->varattno
																	   : InvalidAttrNumber;
}

/* The columns of members that a WHEN clause names. */
bool
last_member_columns(const char *tgqual, MemberColumns *columns)
{
	FindCall find = {.nargs = 4};

	if (tgqual == NULL || !find_call(stringToNode(tgqual), &find))
		return false;
	columns->tenant = marked(linitial(find.call->args));
	columns->role = marked(lsecond(find.call->args));
	columns->user = marked(lthird(find.call->args));
	columns->is_active = marked(lfourth(find.call->args));
	return columns->tenant != InvalidAttrNumber && columns->role != InvalidAttrNumber &&
		   columns->user != InvalidAttrNumber;
}

/* The key that a WHEN clause names; 0: none. */
AttrNumber
last_member_key(const char *tgqual)
{
	FindCall find = {.nargs = 1};

	if (tgqual == NULL || !find_call(stringToNode(tgqual), &find))
		return InvalidAttrNumber;
	return marked(linitial(find.call->args));
}

/* Add a trigger, if it is one of the function FROM members. */
static List *
add_trigger(List *found, Oid trigger, Oid members, Oid function)
{
	Relation rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		bool isnull;
		Datum qual = heap_getattr(tuple, Anum_pg_trigger_tgqual, RelationGetDescr(rel), &isnull);

		if (form->tgfoid == function && form->tgconstrrelid == members && !isnull)
		{
			MemberTrigger *one = palloc(sizeof(MemberTrigger));

			one->relid = form->tgrelid;
			one->name = form->tgname;
			one->members = members;
			one->key = last_member_key(TextDatumGetCString(qual));
			if (one->key != InvalidAttrNumber)
				found = lappend(found, one);
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* The triggers of a function FROM members: they depend on it. */
List *
last_member_triggers(Oid members, const char *function)
{
	Oid wanted = account_function(function);
	Relation rel = table_open(DependRelationId, AccessShareLock);
	List *triggers = NIL;
	List *found = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	ListCell *lc;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(members));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (((Form_pg_depend) GETSTRUCT(tuple))->classid == TriggerRelationId)
			triggers = list_append_unique_oid(triggers, ((Form_pg_depend) GETSTRUCT(tuple))->objid);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	foreach (lc, triggers)
		found = add_trigger(found, lfirst_oid(lc), members, wanted);
	return found;
}

/* The table of a list of triggers, and its key; a partition's are those of the whole. */
static bool
table_of(List *triggers, Oid *relid, AttrNumber *key)
{
	MemberTrigger *first;

	if (triggers == NIL)
		return false;
	first = linitial(triggers);
	*relid = hierarchy_top(first->relid);
	*key = *relid == first->relid
			   ? first->key
			   : get_attnum(*relid, get_attname(first->relid, first->key, false));
	return *key != InvalidAttrNumber;
}

/* Read the trigger of members; false: it has none. */
static bool
read_members(LastMemberRule *rule)
{
	Oid function = account_function(LAST_MEMBER_ROW);
	Relation rel = RelationIdGetRelation(rule->members);
	TriggerDesc *triggers;
	bool found = false;

	if (!RelationIsValid(rel))
		return false;
	triggers = CopyTriggerDesc(rel->trigdesc);
	RelationClose(rel);
	for (int i = 0; triggers != NULL && !found && i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		found = trigger->tgfoid == function && trigger->tgnargs == 1 &&
				last_member_columns(trigger->tgqual, &rule->columns);
		if (found)
			rule->role = trigger->tgargs[0];
	}
	return found;
}

/* Read a declaration; see the header. */
bool
last_member_rule(Oid relid, LastMemberRule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->members = hierarchy_top(relid);
	return read_members(rule) &&
		   table_of(last_member_triggers(rule->members, LAST_MEMBER_USER), &rule->users,
					&rule->users_key) &&
		   table_of(last_member_triggers(rule->members, LAST_MEMBER_TENANT), &rule->tenants,
					&rule->tenants_key);
}

/* The tables FROM which a table has triggers; see the header. */
List *
last_member_tables_from(Oid relid, const char *name)
{
	Oid function = account_function(name);
	List *tables = NIL;
	ListCell *lc;

	foreach (lc, find_all_inheritors(hierarchy_top(relid), NoLock, NULL))
	{
		Relation rel = RelationIdGetRelation(lfirst_oid(lc));
		TriggerDesc *triggers = RelationIsValid(rel) ? rel->trigdesc : NULL;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			if (triggers->triggers[i].tgfoid == function)
				tables = list_append_unique_oid(tables, triggers->triggers[i].tgconstrrelid);
		if (RelationIsValid(rel))
			RelationClose(rel);
	}
	return tables;
}

/* The column that says who is active. */
AttrNumber
last_member_active_column(Oid relid)
{
	Relation rel = RelationIdGetRelation(relid);
	TupleDesc desc;
	AttrNumber found = InvalidAttrNumber;

	if (!RelationIsValid(rel))
		return InvalidAttrNumber;
	desc = CreateTupleDescCopy(RelationGetDescr(rel));
	RelationClose(rel);
	for (int i = 0; found == InvalidAttrNumber && i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && getBaseType(column->atttypid) == BOOLOID &&
			model_name_fits(USERS_IS_ACTIVE, NameStr(column->attname)))
			found = column->attnum;
	}
	return found;
}

/* The columns that say whether a row counts. */
void
last_member_liveness(Relation rel, ModelPart part, AttrNumber is_active, Liveness *liveness)
{
	const Model *model = part != MODEL_PARTS ? model_get() : NULL;
	const SoftDelete *soft;

	if (model != NULL)
	{
		liveness_of(model, part, rel, liveness);
		return;
	}
	soft = mapping_declared(RelationGetRelid(rel));
	memset(liveness, 0, sizeof(*liveness));
	liveness->relid = RelationGetRelid(rel);
	if (soft != NULL)
		liveness->deleted_at = soft->deleted_at;
	liveness->is_active = (TruthColumn){.attnum = is_active, .type = BOOLOID};
}

/* Which part of the model a table is, or a part of one: users or members; MODEL_PARTS: neither. */
ModelPart
last_member_part(Oid relid)
{
	static const ModelPart parts[] = {MODEL_USERS, MODEL_MEMBERS};
	const Model *model = model_get();

	for (int i = 0; model != NULL && i < lengthof(parts); i++)
	{
		Oid mapped = model->relation[parts[i]];

		if (OidIsValid(mapped) &&
			(relid == mapped || hierarchy_top(relid) == hierarchy_top(mapped)))
			return parts[i];
	}
	return MODEL_PARTS;
}

/* SQL: is row alias of users or members live and active? */
static char *
counts_sql(Oid relid, const char *alias, AttrNumber is_active)
{
	ModelPart part = last_member_part(relid);
	const SoftDelete *soft = mapping_declared(relid);
	StringInfoData sql;

	if (part != MODEL_PARTS)
		return psprintf("%s AND %s", live_sql(model_get(), alias, part),
						active_sql(model_get(), alias, part));
	initStringInfo(&sql);
	appendStringInfoString(&sql, "true");
	if (soft != NULL)
		appendStringInfo(&sql, " AND %s.%s IS NULL", alias, sql_column(relid, soft->deleted_at));
	if (is_active != InvalidAttrNumber)
		appendStringInfo(&sql, " AND %s.%s IS TRUE", alias, sql_column(relid, is_active));
	return sql.data;
}

/* SQL: does row m of members count, by itself? */
char *
last_member_sql(const LastMemberRule *rule)
{
	return psprintf("(m.%s)::pg_catalog.text OPERATOR(pg_catalog.=) %s AND %s",
					sql_column(rule->members, rule->columns.role), sql_literal(rule->role),
					counts_sql(rule->members, "m", rule->columns.is_active));
}

/* SQL: does user u count? */
char *
last_member_user_sql(Oid users)
{
	return counts_sql(users, "u", last_member_active_column(users));
}

/* Is it a string type? */
static bool
is_string(Oid type)
{
	char category;
	bool preferred;

	get_type_category_preferred(getBaseType(type), &category, &preferred);
	return category == TYPCATEGORY_STRING;
}

/* SQL: is a column the same as a key? See the header. */
char *
last_member_same_key(const char *alias, Oid relid, AttrNumber attnum, const char *key, Oid from)
{
	Oid type = get_atttype(relid, attnum);

	if (is_string(type) != is_string(from))
		return psprintf("%s OPERATOR(pg_catalog.=) (%s)::pg_catalog.text",
						sql_as_text(psprintf("%s.%s", alias, sql_column(relid, attnum)), type),
						key);
	return psprintf("%s.%s %s (%s)::%s", alias, sql_column(relid, attnum),
					sql_equality(getBaseType(type)), key, sql_column_type(relid, attnum));
}

/* SQL: is tenant t live? */
char *
last_member_tenant_sql(Oid tenants)
{
	const Model *model = model_get();

	if (model != NULL && model->relation[MODEL_TENANTS] == tenants)
		return live_sql(model, "t", MODEL_TENANTS);
	return mapping_declared(tenants) == NULL
			   ? "true"
			   : psprintf("t.%s IS NULL",
						  sql_column(tenants, mapping_declared(tenants)->deleted_at));
}
