-- columns --------------------------------------------------------------------------------------
-- What \d+ shows of each, where it was not said yet.

COMMENT ON COLUMN account.declared_reference.child IS 'The referencing table.';
COMMENT ON COLUMN account.declared_reference.name IS 'The name that plans and messages give it.';
COMMENT ON COLUMN account.declared_reference.number IS 'Its number, for the plans that are kept.';
COMMENT ON COLUMN account.declared_reference.columns IS
'Columns of child, in the order of the primary key of parent.';
COMMENT ON COLUMN account.declared_reference.parent IS 'The referenced table.';
COMMENT ON COLUMN account.declared_reference.policy IS
'cascade, protect or set null: what becomes of rows whose parent is removed for good.';
COMMENT ON COLUMN account.declared_reference.on_soft_delete IS
'follow, keep, remove or refuse, when the parent is deleted softly; NULL: the default.';
COMMENT ON COLUMN account.event.type IS
'What happened, such as user_deleted; operation_failed is a call that failed.';
COMMENT ON COLUMN account.event.tenant_id IS 'The tenant of whom it is about.';
COMMENT ON COLUMN account.event.detail IS 'More of it, by type. No token, password or hash.';
COMMENT ON COLUMN account.failures.operation IS
'The function that failed; soft_delete: a DELETE statement.';
COMMENT ON COLUMN account.failures.calls IS 'How many calls failed so.';
COMMENT ON COLUMN account.failures.last_at IS 'When the last one did.';
COMMENT ON COLUMN account.invitation.id IS 'Its number.';
COMMENT ON COLUMN account.invitation.email IS 'Who is invited.';
COMMENT ON COLUMN account.invitation.role IS 'The role that the profile gets.';
COMMENT ON COLUMN account.invitation.created_at IS 'When it was made.';
COMMENT ON COLUMN account.invitation.expires_at IS 'When it ends, if nobody uses it.';
COMMENT ON COLUMN account.invitation.accepted_at IS 'When it was used; NULL: it was not.';
COMMENT ON COLUMN account.invitation_token.invitation_id IS 'The invitation.';
COMMENT ON COLUMN account.invitation_token.token_hash IS 'SHA-256 of its token.';
COMMENT ON COLUMN account.known_address.key IS 'Keyed digest of user and address.';
COMMENT ON COLUMN account.known_address.at IS 'When the last session from there was opened.';
COMMENT ON COLUMN account.login_failure.key IS 'Keyed digest of a login, or of an address.';
COMMENT ON COLUMN account.login_failure.at IS 'When the login failed.';
COMMENT ON COLUMN account.model.part IS 'users, profiles or tenants.';
COMMENT ON COLUMN account.model.attribute IS 'What the column means, such as email.';
COMMENT ON COLUMN account.model.relation IS 'The mapped table.';
COMMENT ON COLUMN account.model.column_name IS 'The column; NULL: there is none.';
COMMENT ON COLUMN account.model.source IS 'given, detected or missing.';
COMMENT ON COLUMN account.model.rule IS
'How is_active reads its column: {"in": [...]} or {"not_in": [...]}; NULL: as a boolean.';
COMMENT ON COLUMN account.model_column.part IS 'users, profiles or tenants.';
COMMENT ON COLUMN account.model_column.attribute IS 'What the column means, such as email.';
COMMENT ON COLUMN account.model_column.relation IS 'The mapped table.';
COMMENT ON COLUMN account.model_column.column_name IS
'The column; NULL: there is none. Follows renames.';
COMMENT ON COLUMN account.model_column.source IS 'given, detected or missing.';
COMMENT ON COLUMN account.model_column.given IS
'What account.use_tables was given for it; NULL: nothing.';
COMMENT ON COLUMN account.profile_default.users IS 'The users table of the rule.';
COMMENT ON COLUMN account.profile_default.profiles IS 'The profiles table of the rule.';
COMMENT ON COLUMN account.profile_default.column_name IS 'A column of profiles.';
COMMENT ON COLUMN account.profile_default.value IS 'Its value in new profiles.';
COMMENT ON COLUMN account.profile_rule.users IS 'The table whose rows get a profile.';
COMMENT ON COLUMN account.profile_rule.profiles IS 'The table that has the profiles.';
COMMENT ON COLUMN account.profile_rule.adopt IS
'May a profile that the application inserts replace the automatic one?';
COMMENT ON COLUMN account.reference_policy.child IS 'The referencing table.';
COMMENT ON COLUMN account.reference_policy.constraint_name IS 'Its foreign key. Follows renames.';
COMMENT ON COLUMN account.reference_policy.policy IS
'cascade, protect or set null, when the parent is removed for good; NULL: as the catalog says.';
COMMENT ON COLUMN account.reference_policy.on_soft_delete IS
'follow, keep, remove or refuse, when the parent is deleted softly; NULL: the default.';
COMMENT ON COLUMN account.role_application.id IS 'Its number.';
COMMENT ON COLUMN account.role_application.user_id IS 'Who applies.';
COMMENT ON COLUMN account.role_application.role IS 'The role that is applied for.';
COMMENT ON COLUMN account.role_application.note IS 'What who applies says.';
COMMENT ON COLUMN account.role_application.applied_at IS 'When it was made.';
COMMENT ON COLUMN account.role_application.reviewed_by IS 'The id of the user that reviewed it.';
COMMENT ON COLUMN account.role_application.approved IS 'What the review decided; NULL: it is open.';
COMMENT ON COLUMN account.role_application.review_note IS 'What the review says.';
COMMENT ON COLUMN account.session.id IS 'The claim sid of its access tokens.';
COMMENT ON COLUMN account.session.user_id IS 'Whose it is.';
COMMENT ON COLUMN account.session.tenant_id IS 'The tenant that its tokens name.';
COMMENT ON COLUMN account.session.counter IS
'How many refresh tokens it has had before the current one.';
COMMENT ON COLUMN account.session.token_hash IS 'Hash of the current refresh token.';
COMMENT ON COLUMN account.session.created_at IS 'When the user logged in.';
COMMENT ON COLUMN account.session.refreshed_at IS 'When the current refresh token was given.';
COMMENT ON COLUMN account.session.expires_at IS 'When the current refresh token ends.';
COMMENT ON COLUMN account.session.ended_at IS 'When it was ended; NULL: it was not.';
COMMENT ON COLUMN account.session.end_reason IS 'Why it was ended.';
COMMENT ON COLUMN account.session.ip IS 'The address of the login.';
COMMENT ON COLUMN account.session.user_agent IS 'The client of the login.';
COMMENT ON COLUMN account.session_key.secret IS 'The key.';
COMMENT ON COLUMN account.signing_key.kid IS 'The name of the key, which its tokens carry.';
COMMENT ON COLUMN account.signing_key.alg IS 'HS256, HS384, HS512 or EdDSA.';
COMMENT ON COLUMN account.signing_key.sealed IS 'Is the secret sealed under the master key?';
COMMENT ON COLUMN account.signing_key.public_key IS 'The public half of an Ed25519 key.';
COMMENT ON COLUMN account.signing_key.signs IS 'Is it the one that signs?';
COMMENT ON COLUMN account.signing_key.created_at IS 'When it was made.';
COMMENT ON COLUMN account.signing_key.activated_at IS 'When it began to sign.';
COMMENT ON COLUMN account.signing_key.retired_at IS
'Since when it verifies nothing; NULL: it verifies.';
COMMENT ON COLUMN account.stats.operation IS 'A function; soft_delete: a DELETE statement.';
COMMENT ON COLUMN account.stats.calls IS 'How many calls.';
COMMENT ON COLUMN account.stats.failures IS 'How many of them failed, or refused.';
COMMENT ON COLUMN account.stats.total_ms IS 'Time of all calls.';
COMMENT ON COLUMN account.stats.mean_ms IS 'Time of a call, on average.';
COMMENT ON COLUMN account.stats.max_ms IS 'Time of the longest call.';
COMMENT ON COLUMN account.stats.last_error IS 'SQLSTATE of the last failure.';
COMMENT ON COLUMN account.stats.last_error_at IS 'When that was.';
COMMENT ON COLUMN account.token_pair.status IS '200, or the status of a refusal: 401, 403 or 429.';
COMMENT ON COLUMN account.token_pair.error IS 'Why it was refused; NULL: it was not.';
COMMENT ON COLUMN account.token_pair.access_token IS
'The access token, valid for pgaccount.access_token_ttl.';
COMMENT ON COLUMN account.token_pair.refresh_token IS 'The refresh token, for one use.';
COMMENT ON COLUMN account.token_pair.token_type IS 'Bearer.';
COMMENT ON COLUMN account.token_pair.expires_in IS 'Seconds for which the access token is valid.';
COMMENT ON COLUMN account.token_pair.user_id IS 'Whose tokens they are.';
COMMENT ON COLUMN account.token_pair.tenant_id IS 'The tenant that they name.';

COMMENT ON TYPE account.token_pair IS
'What account.login, account.refresh and account.issue_tokens answer: tokens, or a refusal.';
COMMENT ON SEQUENCE account.event_id_seq IS 'Numbers of account.event.';
COMMENT ON SEQUENCE account.invitation_id_seq IS 'Numbers of account.invitation.';
COMMENT ON SEQUENCE account.role_application_id_seq IS 'Numbers of account.role_application.';
