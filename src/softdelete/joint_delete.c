/*
 * joint_delete.c
 *		Rows of several tables that are deleted as one.
 *
 * The statements are run as those of a batch are (cascade.c): their triggers collect, and what
 * follows comes when the last of them has run. So rows that one of them deletes do not refuse what
 * another does, and all have the stamp of the transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "cascade_batch.h"
#include "follow.h"
#include "joint_delete.h"
#include "mapping.h"

/* What is to be deleted. */
typedef struct JointDelete
{
	DeleteRows *rows;
	int n;
} JointDelete;

/* Raise 27000 if rows are live still that were to be deleted. */
static void
refuse_live(const DeleteRows *rows, const StatementOptions *options)
{
	char *sql = psprintf(OWN_STATEMENT "SELECT t.tableoid FROM %s t WHERE t.%s IS NULL AND %s"
									   " FOR NO KEY UPDATE OF t",
						 sql_relation(rows->relid),
						 sql_column(rows->relid, mapping_of_table(rows->relid)->deleted_at),
						 rows->condition);
	uint64 n = statement_run_once(sql, rows->n, rows->types, rows->values, NULL, options);

	if (n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("rows of \"%s\" were kept from being deleted", get_rel_name(rows->relid)),
				 errdetail("%s: " UINT64_FORMAT " rows%s", display_relation(rows->relid), n,
						   follow_triggers_of(n)),
				 errhint("Let the triggers of the table pass an UPDATE that sets its column "
						 "of the deletion."),
				 err_generic_string(PG_DIAG_SCHEMA_NAME,
									get_namespace_name(get_rel_namespace(rows->relid))),
				 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(rows->relid))));
	statement_free_rows();
}

/* CascadeStep: delete the rows. */
static uint64
run_statements(void *arg)
{
	JointDelete *joint = arg;
	uint64 deleted = 0;

	for (int i = 0; i < joint->n; i++)
	{
		DeleteRows *rows = &joint->rows[i];
		SoftDelete mapping = *mapping_of_table(rows->relid);
		StatementOptions options;
		bool has_triggers = false;
		RoleState caller;

		action_snapshot_begin(&options);
		options.callback = follow_look_for_triggers;
		options.arg = &has_triggers;
		rows->types[rows->n] = TEXTOID;
		rows->values[rows->n] = CStringGetTextDatum(actor_name());
		caller = run_as(relation_owner(rows->relid));
		rows->deleted =
			cascade_run_once(psprintf(OWN_STATEMENT "UPDATE %s t SET %s WHERE t.%s IS NULL AND %s",
									  sql_relation(rows->relid),
									  sql_set_deleted(&mapping, sql_stamp_now(&mapping.stamp),
													  psprintf("$%d", rows->n + 1)),
									  sql_column(rows->relid, mapping.deleted_at), rows->condition),
							 rows->n + 1, rows->types, rows->values, &options);
		options.callback = NULL;
		if (has_triggers)
			refuse_live(rows, &options);
		run_as_end(caller);
		action_snapshot_end(&options);
		deleted += rows->deleted;
	}
	return deleted;
}

/* Delete rows of soft-delete tables as one. */
void
delete_together(DeleteRows *rows, int n)
{
	JointDelete joint = {rows, n};

	SPI_connect();
	(void) cascade_together(NULL, run_statements, &joint);
	SPI_finish();
}
