/*
 * enable_request.c
 *		What enabling soft delete was asked for, and what that is for a table.
 *
 * An argument that is not given keeps what the table has, so that the short call changes nothing
 * that an earlier one has said. Nothing is written here.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "enable_request.h"

/* A value, a literal, that a domain may refuse. */
typedef struct DomainValue
{
	Oid relid;
	Oid domain;
	const char *value;
} DomainValue;

/* Cast it. A domain's checks are the code of whoever owns the table, and run as that. */
static bool
cast_to_domain(void *arg)
{
	const DomainValue *given = arg;
	RoleState saved;

	SPI_connect();
	saved = run_as(relation_owner(given->relid));
	(void) run_sql("SELECT %s::%s", given->value, sql_type(given->domain, -1));
	run_as_end(saved);
	SPI_finish();
	return true;
}

/* Does a domain refuse a value? */
static bool
domain_refuses(Oid relid, Oid domain, const char *value)
{
	ErrorData *error = subtransaction_run(cast_to_domain, &(DomainValue){relid, domain, value});

	if (error != NULL)
		error_raise_foreign(error);
	return error != NULL;
}

/* Why a domain is not for a column that is NULL in a live row, or a flag's; NULL: it is. */
static const char *
domain_fault(Oid relid, Oid domain, bool need_null)
{
	static const char *const flags[] = {"true", "false"};

	if (need_null && get_typdefault(domain) != NULL)
		return "Its domain has a default, and a new row has NULL there.";
	if (need_null && domain_refuses(relid, domain, "NULL"))
		return "Its domain does not take NULL, which a live row has there.";
	for (int i = 0; !need_null && i < lengthof(flags); i++)
		if (domain_refuses(relid, domain, flags[i]))
			return psprintf("Its domain does not take %s.", flags[i]);
	return NULL;
}

/* Why a column cannot hold what it should, or NULL. */
static const char *
column_fault(Oid relid, AttrNumber attnum, bool (*type_fits)(Oid), bool need_null)
{
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	Form_pg_attribute att;
	const char *fault = NULL;
	Oid type;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", attnum, relid);
	att = (Form_pg_attribute) GETSTRUCT(tuple);
	if (!type_fits(att->atttypid))
		fault =
			psprintf("It is of type %s.", format_type_with_typemod(att->atttypid, att->atttypmod));
	else if (att->attgenerated != '\0')
		fault = "It is a generated column.";
	else if (need_null && att->attnotnull)
		fault = "It is NOT NULL, and a live row has NULL there.";
	else if (need_null && att->atthasdef)
		fault = "It has a default, and a new row has NULL there.";
	type = att->atttypid;
	ReleaseSysCache(tuple);
	if (fault == NULL && get_typtype(type) == TYPTYPE_DOMAIN)
		fault = domain_fault(relid, type, need_null);
	return fault;
}

/*
 * The column for a role of the mapping. NULL: none is wanted. add is set when it must be added. A
 * column that was not named (given NULL) is taken if it is there and fits, and otherwise left
 * alone.
 */
static const char *
choose_column(Oid relid, const char *argument, const char *given, const char *usual,
			  bool (*type_fits)(Oid), const char *type_name, bool need_null, bool *add)
{
	const char *name = given ? given : usual;
	AttrNumber attnum;
	const char *fault;

	*add = false;
	if (name == NULL || name[0] == '\0')
		return NULL;
	attnum = find_column(relid, name, argument);
	if (attnum == InvalidAttrNumber)
	{
		*add = given != NULL;
		return given;
	}
	fault = column_fault(relid, attnum, type_fits, need_null);
	if (fault == NULL)
		return name;
	if (given == NULL)
		return NULL;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("column \"%s\" of \"%s\" cannot be %s", name, get_rel_name(relid), argument),
			 errdetail("%s", fault),
			 errhint("Name a nullable, ordinary column of type %s as \"%s\", or one that is "
					 "to be added.",
					 type_name, argument)));
}

/* The first of these columns that is there and fits, or NULL. */
static const char *
detect_column(Oid relid, const char *argument, const char *above, const char *usual,
			  bool (*type_fits)(Oid), bool need_null)
{
	bool add;
	const char *found =
		choose_column(relid, argument, NULL, above, type_fits, NULL, need_null, &add);

	return found != NULL
			   ? found
			   : choose_column(relid, argument, NULL, usual, type_fits, NULL, need_null, &add);
}

/* Is this the name of a column, as frameworks write it, one of these? */
static bool
is_named(const char *name, const char *const *names, int count)
{
	char folded[NAMEDATALEN];
	int length = 0;

	for (; *name != '\0'; name++)
		if (*name != '_')
			folded[length++] = pg_ascii_tolower((unsigned char) *name);
	folded[length] = '\0';
	for (int i = 0; i < count; i++)
		if (strcmp(folded, names[i]) == 0)
			return true;
	return false;
}

/* A column that is not taken and could say that a row is deleted; see the header. */
const char *
enable_request_other_column(Oid relid, const char *but, bool flag)
{
	static const char *const times[] = {"deletedat", "deletedon", "deleted", "discardedat",
										"removedat"};
	static const char *const flags[] = {"deleted", "isdeleted"};
	Relation rel = table_open(relid, NoLock);
	int count = RelationGetNumberOfAttributes(rel);

	table_close(rel, NoLock);
	for (int attnum = 1; attnum <= count; attnum++)
	{
		char *name = get_attname(relid, attnum, true); /* NULL: it was dropped */

		if (name != NULL && strcmp(name, but) != 0 &&
			is_named(name, flag ? flags : times, flag ? lengthof(flags) : lengthof(times)) &&
			column_fault(relid, attnum, flag ? fits_flag : fits_deleted_at, !flag) == NULL)
			return name;
	}
	return NULL;
}

/* The name of a mapped column; empty: there is none. */
static const char *
mapped_name(Oid relid, AttrNumber attnum)
{
	return attnum == InvalidAttrNumber ? "" : get_attname(relid, attnum, false);
}

/* The columns that a request names for a table, or that it has, or that are there. */
static void
resolve_columns(Oid relid, const EnableRequest *request, const SoftDelete *mapping,
				const Declaration *above, Declaration *declaration)
{
	const char *deleted_at = request->deleted_at;
	const char *flag = request->flag;
	const char *deleted_by = request->deleted_by;

	if (mapping != NULL && above != NULL)
		deleted_at = flag = deleted_by = NULL; /* a child that has columns keeps them */
	if (mapping != NULL)
	{
		if (deleted_at == NULL)
			deleted_at = mapped_name(relid, mapping->deleted_at);
		if (flag == NULL)
			flag = mapped_name(relid, mapping->flag);
		if (deleted_by == NULL)
			deleted_by = mapped_name(relid, mapping->deleted_by);
	}
	if (deleted_at == NULL)
	{
		const char *usual = above != NULL ? above->deleted_at : "deleted_at";

		deleted_at = usual;
		if (get_attnum(relid, usual) == InvalidAttrNumber)
			deleted_at = detect_column(relid, "deleted_at", "deleted_at", "deletedAt",
									   fits_deleted_at, true);
		if (deleted_at == NULL)
			deleted_at = usual;
	}
	declaration->deleted_at =
		choose_column(relid, "deleted_at", deleted_at, NULL, fits_deleted_at,
					  "timestamptz or timestamp", true, &declaration->add_deleted_at);
	if (flag == NULL)
		flag = detect_column(relid, "flag", above != NULL ? above->flag : NULL, "is_deleted",
							 fits_flag, false);
	declaration->flag = choose_column(relid, "flag", flag, NULL, fits_flag, "boolean", false,
									  &declaration->add_flag);
	if (deleted_by == NULL)
		deleted_by = detect_column(relid, "deleted_by", above != NULL ? above->deleted_by : NULL,
								   "deleted_by", fits_deleted_by, true);
	declaration->deleted_by = choose_column(relid, "deleted_by", deleted_by, NULL, fits_deleted_by,
											"text", true, &declaration->add_deleted_by);
}

/* What a request is for a table; see the header. */
void
enable_request_resolve(Oid relid, const EnableRequest *request, const Declaration *above,
					   Declaration *declaration)
{
	const SoftDelete *found = mapping_declared(relid);
	SoftDelete mapping;
	SoftDeleteOptions *options = &declaration->options;

	if (found != NULL)
		mapping = *found;
	resolve_columns(relid, request, found != NULL ? &mapping : NULL, above, declaration);
	if ((declaration->flag && strcmp(declaration->flag, declaration->deleted_at) == 0) ||
		(declaration->deleted_by &&
		 (strcmp(declaration->deleted_by, declaration->deleted_at) == 0 ||
		  (declaration->flag && strcmp(declaration->deleted_by, declaration->flag) == 0))))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the columns of soft delete must be different ones"),
						errdetail("Each of them holds something else."),
						errhint("Give each of \"deleted_at\", \"flag\" and \"deleted_by\" a column "
								"of its own.")));

	if (found != NULL)
		*options = mapping.options;
	else if (above != NULL)
	{
		*options = above->options;
		options->children = true;
		/* nothing has said that its other parents are to wait for it */
		options->on_parent_delete = PARENT_DELETE_DELETE;
		options->on_reinsert = ON_REINSERT_REFUSE;
	}
	else
		*options = soft_delete_defaults;
	if (request->hide_given)
		options->hide = request->options.hide;
	if (request->guard_references_given)
		options->guard_references = request->options.guard_references;
	if (request->on_parent_delete_given)
		options->on_parent_delete = request->options.on_parent_delete;
	if (request->children_given)
		options->children = request->options.children;
	/* which rows may be removed is said of one table, and of no other */
	if (request->on_reinsert_given && above == NULL)
		options->on_reinsert = request->options.on_reinsert;
}

/*
 * Is a column of a table true by default? The expression is the owner's code, as far as it is
 * evaluated to know.
 */
static bool
is_true_by_default(Oid relid, const char *column)
{
	Relation rel = table_open(relid, NoLock);
	RoleState caller = run_as(rel->rd_rel->relowner);
	Node *value = build_column_default(rel, get_attnum(relid, column));
	bool is_true;

	value = eval_const_expressions(NULL, value);
	while (value != NULL && IsA(value, RelabelType))
		value = (Node *) ((RelabelType *) value)->arg;
	while (value != NULL && IsA(value, CoerceToDomain))
		value = (Node *) ((CoerceToDomain *) value)->arg;
	is_true = value != NULL && IsA(value, Const) && !((Const *) value)->constisnull &&
			  getBaseType(((Const *) value)->consttype) == BOOLOID &&
			  DatumGetBool(((Const *) value)->constvalue);
	run_as_end(caller);
	table_close(rel, NoLock);
	return is_true;
}

/* Refuse a flag that a new row has set; see the header. */
void
check_flag_default(Oid relid, const Declaration *declaration)
{
	ListCell *lc;

	if (declaration->flag == NULL || declaration->add_flag)
		return;
	foreach (lc, find_all_inheritors(relid, AccessShareLock, NULL))
		if (is_true_by_default(lfirst_oid(lc), declaration->flag))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" of \"%s\" cannot be flag", declaration->flag,
							get_rel_name(lfirst_oid(lc))),
					 errdetail("It is true by default: every new row would be a deleted one."),
					 errhint("Name a column that is true for deleted rows, and no default of which "
							 "is true.")));
}

/* Is this what the table has already? */
bool
declaration_is_there(const Declaration *declaration, Oid relid)
{
	const SoftDelete *found = mapping_declared(relid);
	SoftDelete mapping;

	if (found == NULL)
		return false;
	mapping = *found;
	return !declaration->add_deleted_at && !declaration->add_flag && !declaration->add_deleted_by &&
		   mapping.deleted_at == get_attnum(relid, declaration->deleted_at) &&
		   mapping.flag ==
			   (declaration->flag ? get_attnum(relid, declaration->flag) : InvalidAttrNumber) &&
		   mapping.deleted_by == (declaration->deleted_by
									  ? get_attnum(relid, declaration->deleted_by)
									  : InvalidAttrNumber) &&
		   mapping.options.hide == declaration->options.hide &&
		   mapping.options.guard_references == declaration->options.guard_references &&
		   mapping.options.children == declaration->options.children &&
		   mapping.options.on_parent_delete == declaration->options.on_parent_delete &&
		   mapping.options.on_reinsert == declaration->options.on_reinsert &&
		   mapping.enabled == TRIGGER_FIRES_ON_ORIGIN;
}

/* A name argument, or NULL. */
static const char *
name_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(n)));
}

/* A boolean argument, if it is given. */
static bool
boolean_argument(FunctionCallInfo fcinfo, int n, bool *value)
{
	*value = !PG_ARGISNULL(n) && PG_GETARG_BOOL(n);
	return !PG_ARGISNULL(n);
}

/* One of two words, if it is given: is it the second? */
static bool
word_argument(FunctionCallInfo fcinfo, int n, const char *argument, const char *first,
			  const char *second, bool *is_second)
{
	char *word;

	*is_second = false;
	if (PG_ARGISNULL(n))
		return false;
	word = text_to_cstring(PG_GETARG_TEXT_PP(n));
	*is_second = strcmp(word, second) == 0;
	if (!*is_second && strcmp(word, first) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown value for \"%s\"", argument), errdetail("It is \"%.64s\".", word),
				 errhint("Give '%s' or '%s'.", first, second)));
	return true;
}

/* Read the arguments of a call. */
void
enable_request_read(FunctionCallInfo fcinfo, EnableRequest *request)
{
	SoftDeleteOptions *options = &request->options;
	bool second;

	request->deleted_at = name_argument(fcinfo, 1);
	request->flag = name_argument(fcinfo, 2);
	request->deleted_by = name_argument(fcinfo, 3);
	request->hide_given = boolean_argument(fcinfo, 4, &options->hide);
	request->guard_references_given = boolean_argument(fcinfo, 5, &options->guard_references);
	request->on_parent_delete_given =
		word_argument(fcinfo, 6, "on_parent_delete", "refuse", "delete", &second);
	options->on_parent_delete = second ? PARENT_DELETE_DELETE : PARENT_DELETE_REFUSE;
	request->children_given = boolean_argument(fcinfo, 7, &options->children);
	request->on_reinsert_given =
		word_argument(fcinfo, 8, "on_reinsert", "refuse", "replace", &second);
	options->on_reinsert = second ? ON_REINSERT_REPLACE : ON_REINSERT_REFUSE;
	if (request->deleted_at != NULL && request->deleted_at[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the name of \"deleted_at\" must not be empty"),
						errdetail("Every soft-delete table has such a column."),
						errhint("Name a column, or leave the argument out.")));
}
