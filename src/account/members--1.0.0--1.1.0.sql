
CREATE FUNCTION account.memberships(user_id text DEFAULT NULL)
    RETURNS TABLE (tenant_id text, tenant text, tenant_role text, is_active boolean,
        is_current boolean)
    AS 'MODULE_PATHNAME', 'memberships' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.memberships(text) FROM PUBLIC;
COMMENT ON FUNCTION account.memberships(text) IS
'The memberships of a user in live tenants: of who asks (NULL), all; of another user, to staff and '
'to who administers a tenant, those there; to superusers all. tenant: the slug, else the name. '
'is_active: the membership is, and the tenant. is_current: the tenant of the identity is that one. '
'Errors: PT401 without an identity, PT403, PT404 for an unknown user or what is no id, 55000 where '
'no members are mapped.';

CREATE FUNCTION account.memberships(user_id "any")
    RETURNS TABLE (tenant_id text, tenant text, tenant_role text, is_active boolean,
        is_current boolean)
    AS 'MODULE_PATHNAME', 'memberships' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.memberships("any") FROM PUBLIC;
COMMENT ON FUNCTION account.memberships("any") IS
'account.memberships for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.set_member_role(user_id text, tenant text, role text) RETURNS void
    AS 'MODULE_PATHNAME', 'set_member_role' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.set_member_role(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.set_member_role(text, text, text) IS
'Gives a member of a tenant (slug or id) a role there: staff of the tenant and superusers; who has '
'a role of pgaccount.tenant_admin_roles there, if neither the member''s role nor the new one comes '
'before it. Errors: PT401 without an identity, PT403, PT404 for an unknown tenant or member, 22023 '
'for a NULL argument or what is no role of the table, 55000 where no members, or no roles of '
'theirs, are mapped.';

CREATE FUNCTION account.set_member_role(user_id "any", tenant text, role text) RETURNS void
    AS 'MODULE_PATHNAME', 'set_member_role' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.set_member_role("any", text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.set_member_role("any", text, text) IS
'account.set_member_role for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.remove_member(user_id text, tenant text) RETURNS void
    AS 'MODULE_PATHNAME', 'remove_member' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.remove_member(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.remove_member(text, text) IS
'Removes a member from a tenant (slug or id), softly where the table has soft delete; its sessions '
'there end, its open invitations into the tenant are taken back. Who may set the member''s role '
'may, and the member itself. Errors: PT401 without an identity, PT403, PT404 for an unknown tenant '
'or member, 22023 for a NULL tenant, 55000 where no members are mapped.';

CREATE FUNCTION account.remove_member(user_id "any", tenant text) RETURNS void
    AS 'MODULE_PATHNAME', 'remove_member' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.remove_member("any", text) FROM PUBLIC;
COMMENT ON FUNCTION account.remove_member("any", text) IS
'account.remove_member for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.transfer_ownership(tenant text, to_user text) RETURNS void
    AS 'MODULE_PATHNAME', 'transfer_ownership' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.transfer_ownership(text, text) FROM PUBLIC;
COMMENT ON FUNCTION account.transfer_ownership(text, text) IS
'Makes an active member the owner of a tenant (slug or id): gives it the first role of '
'pgaccount.tenant_admin_roles, and the former owner the next. The former owner is who asks, or, '
'for staff and superusers who do not own it, the only owner. Errors: PT401 without an identity, '
'PT403 (no owner, or the member is not active), PT404 for an unknown tenant or member, PT400 where '
'the member owns it already, PT409 where it is not known which of several owners is meant, 22023 '
'for a NULL tenant, 55000 where no members, or no roles of theirs, are mapped.';

CREATE FUNCTION account.transfer_ownership(tenant text, to_user "any") RETURNS void
    AS 'MODULE_PATHNAME', 'transfer_ownership' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.transfer_ownership(text, "any") FROM PUBLIC;
COMMENT ON FUNCTION account.transfer_ownership(text, "any") IS
'account.transfer_ownership for an id given as a value of the key''s type. Errors: the same.';

CREATE FUNCTION account.invitations(tenant text DEFAULT NULL)
    RETURNS TABLE (id bigint, email text, role text, tenant_id text, invited_by text,
        expires_at timestamptz)
    AS 'MODULE_PATHNAME', 'invitations' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.invitations(text) FROM PUBLIC;
COMMENT ON FUNCTION account.invitations(text) IS
'The open invitations into a tenant (slug or id), NULL: all that one may see: staff and '
'superusers, and who has a role of pgaccount.tenant_admin_roles there. Errors: PT401 without an '
'identity, PT403, PT404 for an unknown tenant, 55000 where no tables are mapped.';

CREATE FUNCTION account.revoke_invitation(id bigint) RETURNS boolean
    AS 'MODULE_PATHNAME', 'revoke_invitation' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.revoke_invitation(bigint) FROM PUBLIC;
COMMENT ON FUNCTION account.revoke_invitation(bigint) IS
'Takes an open invitation back, for who could make it; false if there is none of this id, or it is '
'used or expired. Errors: PT401 without an identity, PT403, 55000 where no tables are mapped.';

COMMENT ON FUNCTION account.invite(text, text, text, interval, jsonb) IS
'Invites whoever has this email, for staff and, where members are mapped, for who has a role of '
'pgaccount.tenant_admin_roles in the tenant; returns the token, which is not stored and not shown '
'again. role: of the membership where members with roles are mapped and there is a tenant, none '
'that comes before one''s own; else for the profile. tenant: slug or id; NULL: the caller''s own, '
'the only one that staff may name. grants: columns of the profile and their values, for staff; '
'none of a key, of row security or of the account. The invitation is void once its maker could not '
'make it any more. Errors: PT401 without an identity, PT403 (not allowed, another or an inactive '
'tenant, a column that cannot be granted), PT404 for an unknown tenant, 22023 for a malformed '
'email, role, ttl, grants or value; a WARNING for grants without column.';

COMMENT ON FUNCTION account.accept_invitation(text) IS
'Accepts an invitation, once, by the user that asks, whose email must be the invited one (without '
'case). Where members are mapped and the invitation is into a tenant, it makes the membership, '
'with the role, or revives it; an active member keeps a role that comes before that one. Else it '
'sets the role of the profile, and a user without tenant joins the invitation''s, which ends its '
'sessions. Sets the grants. Returns {"status": true, "message", "user_id", "role", "tenant_id", '
'"grants", "joined"}. Errors: PT401 without an identity; PT404 for an unknown, expired or void '
'invitation; PT403 for another email, a user of another tenant, an inactive tenant or one''s own '
'invitation; PT409 for a used one; 22023 for a grant that its column cannot hold; a WARNING for '
'grants without column.';
