// Auth.js: what its adapter for PostgreSQL does, on the tables that its manual shows, with the calls of doc/recipes/authjs.md.
import fs from 'node:fs';
import pg from 'pg';
import PostgresAdapter from '@auth/pg-adapter';
import { done, equal, ok } from '../../lib/tap.mjs';

const recipe = fs.readFileSync(new URL('../../../doc/recipes/authjs.md', import.meta.url), 'utf8');
const [, attach] = recipe.match(/^```sql\n(.*?)^```/ms);
const pool = new pg.Pool({ max: 2 });
const sql = async (text, ...values) => (await pool.query({ text, values, rowMode: 'array' })).rows.map((row) => row[0]);
const auth = PostgresAdapter(pool);
const expires = new Date(Date.now() + 86400000);

await pool.query(`CREATE TABLE verification_token (identifier text NOT NULL, expires timestamptz NOT NULL, token text NOT NULL, PRIMARY KEY (identifier, token));
    CREATE TABLE accounts (id serial PRIMARY KEY, "userId" integer NOT NULL, type varchar(255) NOT NULL, provider varchar(255) NOT NULL, "providerAccountId" varchar(255) NOT NULL,
        refresh_token text, access_token text, expires_at bigint, id_token text, scope text, session_state text, token_type text);
    CREATE TABLE sessions (id serial PRIMARY KEY, "userId" integer NOT NULL, expires timestamptz NOT NULL, "sessionToken" varchar(255) NOT NULL);
    CREATE TABLE users (id serial PRIMARY KEY, name varchar(255), email varchar(255), "emailVerified" timestamptz, image text)`);

// what a sign-in with a provider does
const signIn = async (name, number, session) => {
    const account = { provider: 'github', providerAccountId: number };
    let user = await auth.getUserByAccount(account);
    if (!user) {
        user = await auth.createUser({ name, email: `${name.toLowerCase()}@example.com`, emailVerified: null, image: null });
        await auth.linkAccount({ ...account, userId: user.id, type: 'oauth', access_token: 'x', expires_at: 1 });
    }
    await auth.createSession({ sessionToken: session, userId: user.id, expires });
    return user.id;
};
equal([await signIn('Ann', '42', 'a1'), await signIn('Bob', '43', 'b1')], [1, 2], 'users sign in');
await pool.query(attach);
equal([await signIn('Ann', '42', 'a2'), (await auth.getSessionAndUser('a1')).user.name], [1, 'Ann'], 'attached: they go on');
equal((await auth.updateUser({ id: 1, image: 'x' })).image, 'x', 'a user is changed');

await auth.deleteUser(1);
equal([await auth.getUser(1), await auth.getUserByEmail('ann@example.com'), await auth.getUserByAccount({ provider: 'github', providerAccountId: '42' })], [null, null, null], 'deleteUser: nobody is found');
equal([await auth.getSessionAndUser('a1'), await auth.getSessionAndUser('a2')], [null, null], 'nor are its sessions');
equal([await sql('SELECT name FROM account.deleted(NULL::users)'), await sql('SELECT "providerAccountId" FROM account.deleted(NULL::accounts)'), await sql('SELECT count(*) FROM sessions')],
    [['Ann'], ['42'], ['1']], 'the user and its account are kept, its sessions are gone');
equal((await auth.getSessionAndUser('b1')).user.name, 'Bob', 'others go on');

equal(await sql(`SELECT account.restore('users', 1)`), ['2'], 'restore: user and account');
equal([(await auth.getUserByAccount({ provider: 'github', providerAccountId: '42' })).name, await auth.getSessionAndUser('a1')], ['Ann', null], 'its provider is known, its sessions are not');
equal([await signIn('Ann', '42', 'a3'), (await auth.getSessionAndUser('a3')).user.name], [1, 'Ann'], 'it signs in');

await auth.deleteUser(1);
equal(await signIn('Ann', '42', 'n1'), 3, 'who signs in again meanwhile is a new user, of the same address and provider');
await sql(`SELECT account.restore('users', 1)`).then(() => ok(false, 'restoring the first is refused then'), (error) => equal(error.code, '23505', 'restoring the first is refused then'));
await auth.unlinkAccount({ provider: 'github', providerAccountId: '42' });
equal(await auth.getUserByAccount({ provider: 'github', providerAccountId: '42' }), null, 'unlinkAccount');
await auth.linkAccount({ userId: 3, type: 'oauth', provider: 'github', providerAccountId: '42' });
equal((await auth.getUserByAccount({ provider: 'github', providerAccountId: '42' })).id, 3, 'and linked once more');
await auth.createVerificationToken({ identifier: 'ann@example.com', expires, token: 't' });
equal([(await auth.useVerificationToken({ identifier: 'ann@example.com', token: 't' })).identifier, await auth.useVerificationToken({ identifier: 'ann@example.com', token: 't' })], ['ann@example.com', null],
    'a mailed token is used once');
await auth.deleteSession('n1');
equal(await auth.getSessionAndUser('n1'), null, 'deleteSession');
await pool.end();
done();
