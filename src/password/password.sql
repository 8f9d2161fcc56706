
-- passwords ---------------------------------------------------------------------------------------

CREATE FUNCTION account.hash_password(password text) RETURNS text
    AS 'MODULE_PATHNAME', 'hash_password'
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL SAFE COST 100000;
GRANT EXECUTE ON FUNCTION account.hash_password(text) TO PUBLIC;
COMMENT ON FUNCTION account.hash_password(text) IS
'A new argon2id hash (RFC 9106 section 3.1, $argon2id$v=19$m=...,t=...,p=1$...) of the password, '
'of cost pgaccount.password_ops and pgaccount.password_memory. password: up to 4096 bytes, hashed '
'as UTF-8 whatever the encoding of the database. Callers who may not EXECUTE account.login share '
'half of pgaccount.password_concurrency. Errors: 22023 for a NULL, empty or longer password, 53200 '
'when the memory is not to be had, 55000 when pgaccount.password_memory exceeds '
'pgaccount.password_max_memory.';

CREATE FUNCTION account.verify_password(password text, hash text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'verify_password'
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL SAFE COST 100000;
GRANT EXECUTE ON FUNCTION account.verify_password(text, text) TO PUBLIC;
COMMENT ON FUNCTION account.verify_password(text, text) IS
'Is it the password of this hash? Never NULL. hash: argon2id or argon2i of any maker (RFC 9106), '
'Django''s argon2$, pbkdf2_sha256$ and pbkdf2_sha1$ (RFC 8018 section 5.2), scrypt (RFC 7914) as '
'$scrypt$ln=...,r=...,p=...$, Django''s scrypt$ and better-auth''s salt:key, and, where pgcrypto '
'is installed, $2a$, $2b$, $2y$ and Django''s bcrypt$ and bcrypt_sha256$. False for a NULL, empty '
'or over 4096-byte password, and for a hash that is NULL, unusable, malformed, of another format, '
'or that asks for more than pgaccount.password_max_memory or an absurd cost; for callers who may '
'not EXECUTE account.login, also for an argon2 hash of more than four times the configured cost '
'(passes times memory), and they share half of pgaccount.password_concurrency. Errors: 53200 when '
'the memory is not to be had, which is no wrong password.';

CREATE FUNCTION account.password_needs_rehash(hash text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'password_needs_rehash'
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION account.password_needs_rehash(text) TO PUBLIC;
COMMENT ON FUNCTION account.password_needs_rehash(text) IS
'Would a hash of hash_password be better than this one? True for other formats than argon2id (RFC '
'9106) and for argon2id of lesser cost (passes times memory) than pgaccount.password_ops and '
'pgaccount.password_memory, or of the same with less than 16 bytes of salt or 32 of digest; false '
'for an argon2 or scrypt hash that costs more. True also for a NULL, unusable or malformed hash, '
'never NULL. Which of these a login replaces is up to pgaccount.rehash. Raises nothing.';
