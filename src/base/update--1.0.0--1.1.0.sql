-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION pgaccount UPDATE TO '1.1.0'" to load this file. \quit

-- what roles may: see account/grant_api--1.0.0--1.1.0.sql, where it is called. What the script
-- makes after this is new.
CREATE FUNCTION account.revoke_default_grants_of_update() RETURNS void
    AS 'MODULE_PATHNAME', 'revoke_default_grants_of_update' LANGUAGE C VOLATILE PARALLEL UNSAFE;
