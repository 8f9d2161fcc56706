// node-postgres: row counts, RETURNING, prepared statements, cursors, the fields of errors, races over a pool.
import { execFileSync } from 'node:child_process';
import Cursor from 'pg-cursor';
import { closeAccount, invite, logIn, members, pool, register, signInWithGoogle, transaction } from './crm.mjs';
import { done, equal, ok, refused } from '../../lib/tap.mjs';

const run = (file) => execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', file], { stdio: 'inherit' });
// The first column of an administrator's statement.
const sql = async (text, ...values) => (await pool.query({ text, values, rowMode: 'array' })).rows.map((row) => row[0]);
const login = async (email, password) => (await pool.query('SELECT * FROM account.login($1, $2)', [email, password])).rows[0];
const emails = async () => (await members()).map((member) => member.email);

run('../../lib/crm.sql');
const [acme, other] = await sql(`INSERT INTO organisations (name, slug) VALUES ('Acme', 'acme'), ('Other', 'other') RETURNING id`);
const ann = await register('ann@example.com', "ann's password", 'Ann', acme);
const bob = await register('bob@example.com', "bob's password", 'Bob', acme);
const cat = await register('cat@example.com', "cat's password", 'Cat', other);
await pool.query(`INSERT INTO posts (author_id, title) SELECT $1, 'Post ' || n FROM generate_series(1, 3) n`, [ann.id]);
const [client] = await sql(`INSERT INTO clients (organisation_id, name) VALUES ($1, 'First') RETURNING id`, acme);
await pool.query('INSERT INTO deals (client_id, created_by, amount) VALUES ($1, $2, 4200)', [client, ann.id]);

// what it is like without pgaccount
const before = await refused('23503|23001', 'without pgaccount: a user with a deal cannot be deleted, 500', () => closeAccount(ann.id));
equal(before.table, 'deals', 'and the error names the table');
equal(await invite(['dan@example.com']), 1, 'without pgaccount: an invited user');
equal((await members()).find((member) => member.email === 'dan@example.com').role, null, 'without pgaccount: no profile for it');

run('../../lib/crm_attach.sql');
equal((await members()).map((member) => [member.email, member.name, member.role, member.posts]),
    [['ann@example.com', 'Ann', 'member', 3], ['bob@example.com', 'Bob', 'member', 0], ['cat@example.com', 'Cat', 'member', 0],
        ['dan@example.com', null, 'member', 0]], 'attached: the list is whole, the missing profile is there');
equal((await login('cat@example.com', "cat's password")).status, 200, "the application's hashes are good for account.login");

// DELETE counts, by a statement that was prepared before, on connections of a pool
equal(await closeAccount(ann.id), 204, 'DELETE, prepared before attaching: rowCount 1');
equal(await closeAccount(ann.id), 404, 'again: rowCount 0');
equal(await closeAccount(4711), 404, 'nobody: rowCount 0');
equal(await emails(), ['bob@example.com', 'cat@example.com', 'dan@example.com'], 'the user is in no list');
equal(await logIn('ann@example.com', "ann's password"), null, 'the application lets it in no more');
const denied = await login('ann@example.com', "ann's password");
equal([denied.status, denied.error, denied.access_token], [401, 'invalid_credentials', null], 'nor does account.login');
equal(await sql('SELECT count(*)::int FROM posts UNION ALL SELECT count(*)::int FROM deals'), [0, 1], 'its posts are gone, its deal is not');
equal((await pool.query('SELECT d.id, u.email FROM deals d LEFT JOIN users u ON u.id = d.created_by')).rows.map((row) => row.email), [null],
    'an outer join keeps the deal');
equal(await transaction(async (client) => {
    const cursor = client.query(new Cursor('SELECT email FROM users ORDER BY email'));
    const rows = [...await cursor.read(2), ...await cursor.read(2)];
    await cursor.close();
    return rows.map((row) => row.email);
}), ['bob@example.com', 'cat@example.com', 'dan@example.com'], 'a cursor does not meet it either');
equal(await sql('SELECT account.is_deleted($1, $2)', 'users', ann.id), [true], 'is_deleted takes bind parameters');

// its email is free
const again = await register('ann@example.com', 'another password', 'Ann again', acme);
ok(again.id !== ann.id, 'the email registers again');
equal((await members())[0], { email: 'ann@example.com', name: 'Ann again', role: 'member', posts: 0 }, 'with a profile of its own');
const taken = await refused('23505', 'and only once', () => register('ann@example.com', 'x', 'x'));
equal([taken.table, taken.constraint], ['users', 'users_email_key'], 'the error names table and constraint');
const blocked = await refused('23505', 'restoring the first is refused while the second has its email',
    () => sql(`SELECT account.restore('users', $1)`, ann.id));
ok(blocked.detail && blocked.hint, 'with detail and hint');
const gone = await pool.query('DELETE FROM users WHERE email = $1 RETURNING id, email, deleted_at', ['ann@example.com']);
equal([gone.command, gone.rowCount, gone.rows[0].id, gone.rows[0].deleted_at instanceof Date], ['DELETE', 1, again.id, true],
    'DELETE ... RETURNING: command, count and the row as it now is');
const google = await signInWithGoogle('ann@example.com');
ok(google.is_new && ![ann.id, again.id].includes(google.id), 'INSERT ... ON CONFLICT (email) makes a new user');
equal(await signInWithGoogle('ann@example.com'), { id: google.id, is_new: false }, 'and finds it the next time');
equal(await closeAccount(google.id), 204, 'which is deleted in its turn');

// restored
equal(await sql(`SELECT account.restore('users', $1)`, ann.id), ['5'], 'restore: user, profile, three posts');
equal((await members())[0], { email: 'ann@example.com', name: 'Ann', role: 'member', posts: 3 }, 'all is back');
equal((await logIn('ann@example.com', "ann's password")).id, ann.id, 'the application lets it in');
const granted = await login('ann@example.com', "ann's password");
equal([granted.status, granted.user_id, granted.tenant_id], [200, ann.id, acme], 'so does account.login');

// an identity ends with its transaction, whoever gets the connection next
equal(await transaction(async (client) => {
    await client.query('SELECT account.authenticate($1)', [granted.access_token]);
    return (await client.query('SELECT account.uid_bigint() AS uid')).rows[0].uid;
}), ann.id, 'authenticate in a transaction of a pooled connection');
equal(await Promise.all(Array.from({ length: 8 }, () => sql('SELECT account.uid()'))), Array(8).fill([null]), 'the next users of the pool are nobody');

// races over the pool
equal((await Promise.all(Array.from({ length: 8 }, () => closeAccount(bob.id)))).sort(), [204, ...Array(7).fill(404)],
    'eight delete one user: one does');
equal((await Promise.allSettled(Array.from({ length: 8 }, () => register('eve@example.com', 'password', 'Eve')))).map((result) =>
    result.reason?.code ?? 'ok').sort(), [...Array(7).fill('23505'), 'ok'], 'eight register one email: one does, seven 409');
equal(new Set((await Promise.all(Array.from({ length: 8 }, () => signInWithGoogle('fay@example.com')))).map((user) => user.id)).size, 1,
    'eight upsert one email: one user');
equal(await invite(['eve@example.com', 'gil@example.com', 'hal@example.com']), 2, 'of three invited two are new');
equal(await sql('SELECT count(p.id) = 1 FROM users u LEFT JOIN profiles p ON p.user_id = u.id GROUP BY u.id'), Array(7).fill(true),
    'one profile a user');
await refused('23505', 'a second profile is refused', () => pool.query('INSERT INTO profiles (user_id) VALUES ($1)', [cat.id]));

// in bulk
const bulk = await pool.query('DELETE FROM users WHERE email = ANY($1) RETURNING email',
    [['eve@example.com', 'fay@example.com', 'gil@example.com', 'hal@example.com', 'nobody@example.com']]);
equal([bulk.rowCount, bulk.rows.length], [4, 4], 'a bulk DELETE counts 4');
equal(await invite(['eve@example.com', 'fay@example.com', 'gil@example.com']), 3, 'and they can all be invited again');
await refused('P0001', 'a transaction that fails', () => transaction(async (client) => {
    await client.query('DELETE FROM users');
    await client.query(`DO 'BEGIN RAISE EXCEPTION USING MESSAGE = ''no''; END'`);
}));
equal((await emails()).length, 6, 'takes its deletes back');

// a protected organisation
await refused('23503', 'an organisation with users is not deleted', () => pool.query('DELETE FROM organisations WHERE id = $1', [acme]));
const refusal = await refused('23001', 'nor cleaned up while users stand in the way', () => sql('SELECT account.cleanup($1, $2)', 'organisations', acme));
equal(refusal.detail, 'public.users.organisation_id: 3 rows', 'its detail counts them, the dead like the living');
const { rows: steps } = await pool.query(`SELECT * FROM account.cleanup('organisations', $1, force => true)`, [acme]);
equal([steps.at(-1).relation, Object.fromEntries(steps.map((step) => [step.relation, 0]))],
    ['organisations', { deals: 0, clients: 0, posts: 0, profiles: 0, users: 0, organisations: 0 }], 'by force it goes, in order, itself last');
equal((await emails()).includes('ann@example.com'), false, 'with its users');
equal((await pool.query('SELECT * FROM account.cleanup($1, $2)', ['organisations', acme])).rowCount, 0, 'a second run finds nothing');
equal(await sql(`SELECT count(*)::int FROM deals UNION ALL SELECT count(*)::int FROM organisations`), [0, 1], 'the other organisation is left');
equal(await sql(`SELECT message FROM account.doctor() WHERE severity = 'error'`), [], 'doctor has no complaint');
await pool.end();
done();
