-- on accounts
SELECT part, attribute, relation, column_name, source FROM account.model WHERE part = 'tenants' ORDER BY attribute;
