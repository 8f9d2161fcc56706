-- Logins and sessions: refusals are rows, sessions end at once and for good.
SET client_min_messages = warning;
SELECT account.create_starter('ls');
SELECT account.create_key() IS NOT NULL AS key;
\set VERBOSITY sqlstate
set pgaccount.password_memory='8MB';
insert into ls.tenants(slug,name,modules) values('acme','Acme','["crm"]');
select user_id as uid from account.register('bob@x.org','secret123','bob','acme') \gset
select user_id as uid2 from account.register('eve@x.org','secret123','eve') \gset
select status,error,token_type,expires_in,user_id=:'uid' from account.login('BOB@x.org','secret123','10.0.0.1','ua') ;
select status,error,access_token,token_type from account.login('bob','wrong','10.0.0.1');
select status,error from account.login('nobody','wrong','10.0.0.1');
select status,error from account.login(null,null);
select * from account.login('bob','secret123') \gset a_
select account.verify_access_token(:'a_access_token') - '{iat,nbf,exp,jti,sid,sub,tenant_id}'::text[];
select account.authenticate(:'a_access_token', false)=:'uid';
select status, error, refresh_token as r2 from account.refresh(:'a_refresh_token') \gset
\echo :status :error
select status, error, refresh_token=:'r2' as same from account.refresh(:'a_refresh_token');
set pgaccount.refresh_grace=0;
select status, error from account.refresh(:'a_refresh_token');
select status, error from account.refresh(:'r2');
select account.authenticate(:'a_access_token');
select account.logout(:'r2'), account.logout('x'), account.logout(null);
select * from account.login('bob','secret123') \gset a_
select account.authenticate(:'a_access_token', false)=:'uid';
select * from account.login('bob','secret123') \gset b_
select account.set_password(:'uid','newsecret1');
select status, error from account.refresh(:'a_refresh_token');
select status, error from account.refresh(:'b_refresh_token');
select account.set_password(:'uid2','newsecret1');
select account.set_password('nope','newsecret1');
update ls.users set is_staff=true where id=:'uid';
select account.set_password('nope','newsecret1');
select account.set_password(:'uid2','newsecret1');
update ls.users set is_superuser=true where id=:'uid';
select account.set_password(:'uid2','newsecret1');
select account.revoke_sessions(:'uid');
select account.authenticate(:'a_access_token');
select account.sign_out();
select account.revoke_sessions(:'uid');
update ls.users set is_active=false where id=:'uid2';
select status,error from account.login('eve','newsecret1');
select status,error from account.login('eve','newsecret2');
delete from ls.users where id=:'uid2';
select status,error from account.login('eve','newsecret1');
update ls.tenants set is_active=false;
select status,error from account.login('bob','newsecret1');
select account.issue_tokens(:'uid2');
select account.issue_tokens('5');
select account.issue_tokens(NULL);
select account.issue_access_token('5');
select account.issue_tokens(:'uid');
update ls.tenants set is_active=true;
select (account.issue_tokens(:'uid')).status;
select length(account.issue_access_token(:'uid', '1 hour', '{"x":1}'))>10;
select account.issue_access_token(:'uid', '1 hour', '{"sub":1}');
update ls.users set password=account.hash_password('oldold12');
set pgaccount.password_memory='16MB';
select status from account.login('bob','oldold12'); select substr(password,1,25) from ls.users where username='bob';
select count(*) > 0 as remembered from account.login_failure;

-- throttling: what rolls back counts too; per login and per address; a right password does not help
set pgaccount.password_memory='8kB';
set pgaccount.password_ops=1;
select account.register('t1@x.org','secret123','t1') is not null, account.register('t2@x.org','secret123','t2') is not null;
begin;
select array_agg((account.login('t1', 'x')).status) from generate_series(1, 10);
rollback;
select status, error, access_token from account.login('T1@x.org', 'secret123');
select status from account.login('t2', 'secret123');
select array_agg((account.login('who' || i, 'x', '10.9.9.9')).status) from generate_series(1, 11) i;
select status, error from account.login('t2', 'secret123', '10.9.9.9');
select status from account.login('t2', 'secret123', '10.9.9.10');
select status from account.login('t2', 'secret123');
-- a success resets the login's count
select array_agg((account.login('t2', 'x')).status) from generate_series(1, 9);
select status from account.login('t2', 'secret123');
select array_agg((account.login('t2', 'x')).status) from generate_series(1, 10);
select status from account.login('t2', 'secret123');
set pgaccount.login_window=0;
select status from account.login('t2', 'secret123');
reset pgaccount.login_window;
set pgaccount.login_max_failures=0;
select status from account.login('t2', 'secret123') \gset t_
\echo :t_status
reset pgaccount.login_max_failures;
-- several live users of a login: the tenant decides
insert into ls.tenants(slug) values ('north'), ('south');
drop index ls.users_username_key;
insert into ls.users(email, username, password, tenant_id)
    select slug || '@x.org', 'dup', account.hash_password('secret123'), id from ls.tenants where slug in ('north', 'south');
select status, error from account.login('dup', 'secret123');
select status, (select slug from ls.tenants t where t.id::text = tenant_id) from account.login('dup', 'secret123', tenant => 'south');
select status, error from account.login('dup', 'secret123', tenant => 'nowhere');
select status, error from account.login('dup', 'secret123', tenant => '');
-- ended at once and for good, whoever does it
create function pg_temp.ended(change text) returns table (what text, status int, error text) language plpgsql as $$
declare p account.token_pair; q account.token_pair;
begin
    p := account.issue_tokens((select id::text from ls.users where username = 't1'));
    execute $1;
    q := account.refresh(p.refresh_token);
    return query select $1, q.status, q.error;
end $$;
select * from pg_temp.ended('select 1');
select * from pg_temp.ended($$update ls.users set is_active = false where username = 't1'; update ls.users set is_active = true where username = 't1'$$);
select * from pg_temp.ended($$delete from ls.users where username = 't1'; set pgaccount.show_deleted = on; select account.restore('ls.users', (select id from ls.users where username = 't1')); set pgaccount.show_deleted = off$$);
select * from pg_temp.ended($$update ls.users set password = 'x' where username = 't1'$$);
select * from pg_temp.ended($$update ls.users set tenant_id = (select id from ls.tenants where slug = 'north') where username = 't1'$$);
select * from pg_temp.ended($$update ls.tenants set is_active = false where slug = 'north'; update ls.tenants set is_active = true where slug = 'north'$$);
select * from pg_temp.ended($$update ls.users set last_login = now(), is_staff = true where username = 't1'$$);
set pgaccount.refresh_token_ttl = 0;
select * from pg_temp.ended('select 2');
reset pgaccount.refresh_token_ttl;
select * from pg_temp.ended($$select account.forget_tables(); select account.use_tables('ls.users', 'ls.profiles', 'ls.tenants')$$);
-- no key of the wrong form is another error
select status, error from account.refresh(repeat('A', 75));
select status, error from account.refresh(repeat('A', 1000000));
select status, error from account.refresh(NULL);
select status, error from account.refresh(E'\x01');
select status, error from account.login(repeat('x', 1000000), repeat('y', 1000000), user_agent => repeat('z', 1000000));
select status, error from account.login(E'\x01', E'\x02');
select account.set_password(NULL, NULL);

-- a trusted backend says who is asking
begin;
select account.act_as((select id::text from ls.users where username = 't2')) is not null;
select account.uid() = (select id::text from ls.users where username = 't2') as uid, account.claims() ?& '{sub,tenant_id,modules,user_role}' as claims, account.is_staff();
commit;
select account.uid();
select account.act_as('5');	-- fails
select account.act_as(NULL);	-- fails
select account.act_as((select id::text from ls.users where username = 't2'), NULL);	-- fails
select account.act_as((select id::text from ls.users where username = 't2'), false) is not null, account.is_authenticated();
select account.sign_out();

-- read-only: 25006, and no word about the password
BEGIN READ ONLY;
SELECT account.login('t2', 'secret123');	-- fails
ROLLBACK;
BEGIN READ ONLY;
SELECT account.login('t2', 'wrong');	-- fails
ROLLBACK;
BEGIN READ ONLY;
SELECT account.register('ro@x.org', 'secret123');	-- fails
ROLLBACK;

-- an application role: what grant_api grants, and nothing of the tables
RESET client_min_messages;
CREATE ROLE regress_ls_app;
SELECT email FROM account.register('g@x.org', 'secret123');
SET ROLE regress_ls_app;
SELECT account.login('g@x.org', 'secret123');	-- fails
RESET ROLE;
SELECT account.grant_api('regress_ls_app');
SET ROLE regress_ls_app;
SELECT status FROM account.login('g@x.org', 'secret123');
SELECT email FROM account.register('h@x.org', 'secret123');
SELECT account.issue_tokens('x');	-- fails
SELECT account.issue_access_token('x');	-- fails
SELECT account.act_as('x');	-- fails
TABLE account.session;	-- fails
TABLE account.session_key;	-- fails
TABLE account.login_failure;	-- fails
SELECT account.use_tables('ls.users');	-- fails
SELECT account.grant_api('regress_ls_app');	-- fails
RESET ROLE;
SET client_min_messages = warning;
SELECT account.sign_out();
DROP SCHEMA ls CASCADE;
SELECT account.login('g@x.org', 'secret123');	-- fails: 55000
SELECT account.forget_tables();
DELETE FROM account.login_failure;
DROP OWNED BY regress_ls_app;
DROP ROLE regress_ls_app;
