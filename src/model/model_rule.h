/*
 * model_rule.h
 *		A rule: what the values of a column say of a row, where no boolean column says it.
 *
 * is_active may be such a rule over a column like "status" or "banned":
 * {"column": "status", "in": ["active", "trial"]}, {"column": "banned", "not_in": [true]}. The list
 * may have null; a NULL that it does not name is none of its values. Values are compared as the
 * column's type compares them, with their texts: strings by the column's collation, citext without
 * case, numbers by their value.
 */
#ifndef PGACCOUNT_MODEL_RULE_H
#define PGACCOUNT_MODEL_RULE_H

#include "utils/jsonb.h"

typedef struct ModelRule ModelRule;

/*
 * The object of a caller, {"column": …, "in": […]} or with "not_in", as it is stored: its values as
 * the column's type and collation have them. NULL: *problem says why it is no rule.
 */
extern Jsonb *model_rule_make(JsonbContainer *object, Oid type, Oid collation,
							  const char **problem);

/* The rule of a stored object. What is none is a rule that no row fulfils. */
extern ModelRule *model_rule_read(Jsonb *stored);

/* Does a value of the column of this table fulfil the rule? */
extern bool model_rule_holds(const ModelRule *rule, Oid relid, Oid type, Oid collation, Datum value,
							 bool isnull);

/* The same as SQL, never NULL. */
extern char *model_rule_sql(const ModelRule *rule, Oid type, const char *column);

/*
 * A value, as SQL of the column's type, with which a row fulfils the rule; NULL: none is known, or
 * NULL itself.
 */
extern char *model_rule_value(const ModelRule *rule, Oid type);

/* Is a type citext, or a domain over it, whatever schema that is in? */
extern bool type_is_citext(Oid type);

#endif /* PGACCOUNT_MODEL_RULE_H */
