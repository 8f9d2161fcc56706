-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION pgaccount UPDATE TO '1.1.0'" to load this file. \quit
