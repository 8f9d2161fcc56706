/*
 * base.h
 *		What the other folders may use of the ground: the gate, the catalog, settings, errors.
 */
#ifndef PGACCOUNT_BASE_H
#define PGACCOUNT_BASE_H

#include "compat.h"
#include "cast_code.h"
#include "citus.h"
#include "column_value.h"
#include "command_tables.h"
#include "deferred.h"
#include "errors.h"
#include "extension.h"
#include "held_open.h"
#include "identifiers.h"
#include "index_lookup.h"
#include "kept_back.h"
#include "keys.h"
#include "object_checks.h"
#include "own_lock.h"
#include "own_statement.h"
#include "pending.h"
#include "plan_cache.h"
#include "relation_changes.h"
#include "row_policies.h"
#include "run_as.h"
#include "secret.h"
#include "settings.h"
#include "shown_tables.h"
#include "statement.h"
#include "subtransaction.h"
#include "table_code.h"
#include "text_argument.h"
#include "tuple_write.h"
#include "unreadable.h"
#include "uuid_text.h"
#include "value_formats.h"
#include "version.h"

#endif /* PGACCOUNT_BASE_H */
