-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgaccount" to load this file. \quit

-- The schema is the extension's own: only what is granted below is anybody else's.
REVOKE ALL ON SCHEMA account FROM PUBLIC;
GRANT USAGE ON SCHEMA account TO PUBLIC;
