
-- purge -------------------------------------------------------------------------------------------

CREATE FUNCTION account.purge(target regclass, older_than interval DEFAULT NULL,
        max_rows bigint DEFAULT NULL, force boolean DEFAULT false) RETURNS bigint
    AS 'MODULE_PATHNAME', 'purge' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.purge(regclass, interval, bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION account.purge(regclass, interval, bigint, boolean) IS
'Removes for good the rows of a soft-delete table that were deleted longer ago than older_than '
'(NULL: pgaccount.grace_period), oldest first, at most about max_rows, with their dead children '
'and what follows by ON DELETE CASCADE; returns how many rows of the table. A row that a live row '
'of a soft-delete table or a protected reference still holds is kept and named in a NOTICE; force: '
'removed with what holds it, which a NOTICE counts by table. Needs SELECT and DELETE on the tables '
'(42501). 22023: no soft delete on the table, or a negative max_rows.';

CREATE PROCEDURE account.purge_batches(target regclass, older_than interval DEFAULT NULL,
        batch_size bigint DEFAULT 1000)
    AS 'MODULE_PATHNAME', 'purge_batches' LANGUAGE C;
REVOKE ALL ON PROCEDURE account.purge_batches(regclass, interval, bigint) FROM PUBLIC;
COMMENT ON PROCEDURE account.purge_batches(regclass, interval, bigint) IS
'account.purge in transactions of batch_size rows each: an interruption loses at most one batch, '
'the next run goes on. Not inside a transaction block (2D000).';
