
CREATE PROCEDURE account.purge_tenants(batch_size integer DEFAULT 10000)
    AS 'MODULE_PATHNAME', 'purge_tenants' LANGUAGE C;
REVOKE ALL ON PROCEDURE account.purge_tenants(integer) FROM PUBLIC;
COMMENT ON PROCEDURE account.purge_tenants(integer) IS
'Removes for good the tenants that were deleted softly longer ago than pgaccount.grace_period, '
'the one that was deleted first first, each by account.cleanup_batches. Its deleted users go with '
'it, and where members are mapped its memberships, live or not, as if their key to it cascaded '
'where that says NO ACTION or RESTRICT. One that something stands '
'in the way of, a live row of a soft-delete table that would go with it, too, or that is being '
'removed already, is passed over with a WARNING. Interrupted, the next CALL goes on. Where '
'account.set_purge says that tenants are erased, they are, each in a transaction of its own. '
'Errors: 55000 where no tenants are mapped; 22023 where they have no soft '
'delete; 2D000 inside a transaction block; those of account.cleanup_batches.';
