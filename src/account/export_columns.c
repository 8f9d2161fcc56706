/*
 * export_columns.c
 *		Which columns of a table are exported.
 *
 * All but those that hold secrets, for what is exported leaves the house: the mapped password, any
 * column of text or bytes with the name of one, and what is generated from either.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "export_columns.h"

/*
 * Words in the names of columns that hold secrets; what such names end in; and what those of tables
 * of tokens end in, whose columns of the last list are secrets. `accessToken` is access_token.
 */
static const char *const secret_words[] = {"password", "passwd", "pwd",     "passphrase",
										   "passcode", "secret", "secrets", NULL};
static const char *const secret_columns[] = {
	"token",      "token_hash",  "token_digest",   "token_encrypted", "api_key",
	"apikey",     "private_key", "access_key",     "signing_key",     "encryption_key",
	"totp",       "totp_key",    "otp_key",        "pass_hash",       "pin",
	"pin_hash",   "salt",        "recovery_codes", "backup_codes",    "reset_code",
	"magic_link", "credential",  "bearer",         "credentials",     NULL};
static const char *const token_tables[] = {"token",   "tokens",   "secret", "secrets",
										   "api_key", "api_keys", NULL};
static const char *const token_columns[] = {"key", "hash", "digest", "code", NULL};

/* A name in lower case, its words parted by underscores. */
static char *
snake_case(const char *name)
{
	StringInfoData snake;

	initStringInfo(&snake);
	for (const char *c = name; *c != '\0'; c++)
	{
		if (*c >= 'A' && *c <= 'Z' && c > name && c[-1] >= 'a' && c[-1] <= 'z')
			appendStringInfoChar(&snake, '_');
		appendStringInfoChar(&snake, (char) pg_tolower((unsigned char) *c));
	}
	return snake.data;
}

/* Does a name have one of some words, anywhere (a number may follow), or at its end? */
static bool
has_word(const char *name, const char *const *words, bool anywhere)
{
	char *snake = snake_case(name);

	for (; *words != NULL; words++)
		for (const char *at = snake; (at = strstr(at, *words)) != NULL; at++)
		{
			const char *end = at + strlen(*words);

			if ((at == snake || at[-1] == '_') &&
				(anywhere ? *end < 'a' || *end > 'z' : *end == '\0'))
				return true;
		}
	return false;
}

/* Is it a column of text or bytes by whose name it holds a secret? */
static bool
holds_secret(Form_pg_attribute attribute)
{
	Oid type = getBaseType(attribute->atttypid);
	char category;
	bool preferred;

	if (OidIsValid(get_element_type(type)))
		type = getBaseType(get_element_type(type));
	get_type_category_preferred(type, &category, &preferred);
	if (category != TYPCATEGORY_STRING && type != BYTEAOID)
		return false;
	return has_word(NameStr(attribute->attname), secret_words, true) ||
		   has_word(NameStr(attribute->attname), secret_columns, false) ||
		   (has_word(get_rel_name(attribute->attrelid), token_tables, false) &&
			has_word(NameStr(attribute->attname), token_columns, false));
}

/* Is a column left out of exports: a secret, or generated from one? */
static bool
is_left_out(const Model *model, Relation rel, Form_pg_attribute attribute)
{
	Bitmapset *columns = NULL;
	int member = -1;

	if (attribute->attisdropped || holds_secret(attribute) ||
		(RelationGetRelid(rel) == model->relation[MODEL_USERS] &&
		 attribute->attnum == model->column[USERS_PASSWORD].attnum))
		return true;
	if (!attribute->attgenerated)
		return false;
	pull_varattnos(build_column_default(rel, attribute->attnum), 1, &columns);
	while ((member = bms_next_member(columns, member)) >= 0)
	{
		AttrNumber attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum > 0 && is_left_out(model, rel, TupleDescAttr(RelationGetDescr(rel), attnum - 1)))
			return true;
	}
	return false;
}

/* The columns of a table that are exported, and what orders its rows; see the header. */
char *
export_columns(const Model *model, Oid relid, char **order)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Bitmapset *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	StringInfoData columns;
	StringInfoData ordering;

	initStringInfo(&columns);
	initStringInfo(&ordering);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), i);
		char *column;

		if (is_left_out(model, rel, attribute))
			continue;
		column = sql_column(relid, attribute->attnum);
		appendStringInfo(&columns, "%sc.%s", columns.len > 0 ? ", " : "", column);
		if (bms_is_member(attribute->attnum - FirstLowInvalidHeapAttributeNumber, key))
			appendStringInfo(&ordering, "%spgaccount_row.%s", ordering.len > 0 ? ", " : "", column);
	}
	relation_close(rel, NoLock);
	if (order != NULL)
		*order = ordering.len > 0 ? ordering.data : NULL;
	return columns.data;
}
