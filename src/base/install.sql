-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgaccount" to load this file. \quit

-- The schema is the extension's own, made here: a schema of this name that is there already is
-- 42P06, whoever owns it, and DROP EXTENSION takes ours along. All else is made in it by its full
-- name. Who may what is said beside each CREATE for PUBLIC, and in grant_api.sql for roles.
CREATE SCHEMA account;
REVOKE ALL ON SCHEMA account FROM PUBLIC;
GRANT USAGE ON SCHEMA account TO PUBLIC;
COMMENT ON SCHEMA account IS 'Functions and tables of pgaccount.';
