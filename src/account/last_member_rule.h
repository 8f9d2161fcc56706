/*
 * last_member_rule.h
 *		Which tables keep the last member of a role, and by which columns.
 */
#ifndef PGACCOUNT_LAST_MEMBER_RULE_H
#define PGACCOUNT_LAST_MEMBER_RULE_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "model/model.h"

/* The functions of the triggers. */
#define LAST_MEMBER_ROW    "last_member"        /* a row of members has changed */
#define LAST_MEMBER_USER   "last_member_user"   /* a row of users has */
#define LAST_MEMBER_TENANT "last_member_tenant" /* never fires: it says which the tenants are */
#define LAST_MEMBER_CHECK  "last_member_check"  /* the end of a statement, and TRUNCATE */

/* The constraint, as errors name it. */
#define LAST_MEMBER_NAME "account_last_member"

/* Columns of members, of the table or of a part of it. */
typedef struct MemberColumns
{
	AttrNumber tenant;
	AttrNumber role;
	AttrNumber user;
	AttrNumber is_active; /* a boolean; 0: none */
} MemberColumns;

/* What is protected. */
typedef struct LastMemberRule
{
	Oid members; /* the table, no part of it */
	char *role;
	MemberColumns columns;
	Oid users;
	AttrNumber users_key;
	Oid tenants;
	AttrNumber tenants_key;
} LastMemberRule;

/*
 * Read the declaration of a table, or of the table that it is a part of. False: it has none, or a
 * part of it has been taken away. In the current memory context.
 */
extern bool last_member_rule(Oid relid, LastMemberRule *rule);

/* What the WHEN clause of a trigger of ours marks. False: it is none of ours. */
extern bool last_member_columns(const char *tgqual, MemberColumns *columns);
extern AttrNumber last_member_key(const char *tgqual);

/* The tables, with triggers of such a function, that are declared to belong to this one. */
typedef struct MemberTrigger
{
	Oid relid;
	NameData name;
	Oid members;
	AttrNumber key; /* of relid */
} MemberTrigger;

/* MemberTriggers: of a function, FROM members. */
extern List *last_member_triggers(Oid members, const char *function);

/*
 * The tables of members FROM which this one, or what it is a part of, has triggers of such a
 * function: those in which its users are members, or of whose members they are the tenants.
 */
extern List *last_member_tables_from(Oid relid, const char *function);

/*
 * Put triggers on a table and its parts that have come later, unless they are there: for each
 * statement, for rows of members, and FROM members. Within SPI_connect.
 */
extern void last_member_put_statement(Oid relid);
extern void last_member_put_row(const LastMemberRule *rule, Oid members);
extern void last_member_put_from(Oid members, Oid relid, AttrNumber key, const char *function);

/* Take all of them off what is no part of the table any more. Within SPI_connect. */
extern void last_member_part_left(Oid relid);

/*
 * Which part of the model a table is, or a part of one: MODEL_USERS, MODEL_MEMBERS; MODEL_PARTS:
 * neither. Then is_active is its boolean column, 0: none, and else that of the mapping.
 */
extern ModelPart last_member_part(Oid relid);

/* The columns that say whether a row of members, or of users, counts. */
extern void last_member_liveness(Relation rel, ModelPart part, AttrNumber is_active,
								 Liveness *liveness);

/* The same as SQL, of alias m, u or t. */
extern char *last_member_sql(const LastMemberRule *rule);
extern char *last_member_user_sql(Oid users);
extern char *last_member_tenant_sql(Oid tenants);

/*
 * SQL: is a column, of alias, the same as a key, which is SQL for a value of type from, or for its
 * text? Where just one of them is of a string type, a value may be none of the other's type: then
 * texts are compared.
 */
extern char *last_member_same_key(const char *alias, Oid relid, AttrNumber attnum, const char *key,
								  Oid from);

/* The column of a table that is named as one that says who is active, and is boolean; 0: none. */
extern AttrNumber last_member_active_column(Oid relid);

#endif /* PGACCOUNT_LAST_MEMBER_RULE_H */
