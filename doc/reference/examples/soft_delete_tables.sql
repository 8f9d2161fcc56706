SELECT account.enable_soft_delete('users', guard_references => true);
-- shown
SELECT relation, deleted_at, flag, hide, guard_references, on_parent_delete, active FROM account.soft_delete_tables();
