// Knex: del() and its counts, returning, onConflict, streams, transactions with savepoints.
import { execFileSync } from 'node:child_process';
import knexOf from 'knex';
import { done, equal, ok, refused } from '../../lib/tap.mjs';

const run = (file) => execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', file], { stdio: 'inherit' });
const knex = knexOf({ client: 'pg', connection: { host: process.env.PGHOST, user: process.env.PGUSER, database: process.env.PGDATABASE }, pool: { min: 0, max: 8 } });
const sql = async (text, ...values) => (await knex.raw(text, values)).rows.map((row) => Object.values(row)[0]);
const login = async (email, password) => (await sql('SELECT status FROM account.login(?, ?)', email, password))[0];
const members = () => knex('users as u').leftJoin('profiles as p', 'p.user_id', 'u.id').select('u.email', 'p.role').orderBy('u.email');
const emails = () => knex('users').orderBy('email').pluck('email');

run('../../lib/crm.sql');
const [{ id: acme }] = await knex('organisations').insert({ name: 'Acme', slug: 'acme' }).returning('id');
const [ann, bob] = (await knex('users').insert([
    { email: 'ann@example.com', organisation_id: acme, password: knex.raw('account.hash_password(?)', ["ann's password"]) },
    { email: 'bob@example.com', organisation_id: acme }]).returning('id')).map((row) => row.id);
await knex.batchInsert('posts', [{ author_id: ann, title: 'One' }, { author_id: ann, title: 'Two' }]);
const [{ id: client }] = await knex('clients').insert({ organisation_id: acme, name: 'First' }).returning('id');
await knex('deals').insert({ client_id: client, created_by: ann, amount: 4200 });
await refused('23503|23001', 'without pgaccount: a user with a deal cannot be deleted, 500', () => knex('users').where({ id: ann }).del());
run('../../lib/crm_attach.sql');
equal(await members(), [{ email: 'ann@example.com', role: 'member' }, { email: 'bob@example.com', role: 'member' }], 'attached: everyone has a profile');
equal(await login('ann@example.com', "ann's password"), 200, 'a user logs in');

equal(await knex('users').where({ id: ann }).del(), 1, 'del() gives 1');
equal(await knex('users').where({ id: ann }).del(), 0, 'and then 0');
equal([await emails(), await knex('users').where({ id: ann }).first(), Number((await knex('posts').count())[0].count)], [['bob@example.com'], undefined, 0],
    'the user is in no list, its posts are gone');
const streamed = [];
for await (const row of knex('deals as d').leftJoin('users as u', 'u.id', 'd.created_by').select('u.email', 'd.amount').stream()) streamed.push(row);
equal(streamed, [{ email: null, amount: '4200.00' }], 'its deal is there, without it');
equal(await login('ann@example.com', "ann's password"), 401, 'it cannot log in');

const [{ id: again }] = await knex('users').insert({ email: 'ann@example.com' }).onConflict('email').ignore().returning('id');
ok(again !== ann, 'onConflict("email").ignore() registers the email again');
equal(await knex('users').insert({ email: 'ann@example.com' }).onConflict('email').ignore().returning('id'), [], 'once');
equal(await knex('users').insert({ email: 'ann@example.com', is_active: true }).onConflict('email').merge().returning('id'), [{ id: again }], 'merge() finds it');
await refused('23505', 'restoring is refused while the email is taken', () => sql('SELECT account.restore(?, ?)', 'users', ann));
const [gone] = await knex('users').where({ email: 'ann@example.com' }).del(['id', 'deleted_at']);
equal([gone.id, gone.deleted_at instanceof Date], [again, true], 'del() with returning');
await knex.transaction(async (trx) => {
    await refused('P0001', 'a nested transaction that fails', () => trx.transaction(async (nested) => {
        await nested('users').del();
        await nested.raw(`DO 'BEGIN RAISE EXCEPTION USING MESSAGE = ''no''; END'`);
    }));
    equal(await trx('users').pluck('email'), ['bob@example.com'], 'takes its delete back');
});
await knex('users').insert([{ email: 'cat@example.com' }, { email: 'dan@example.com' }]);
equal((await members()).map((member) => member.role), ['member', 'member', 'member'], 'one profile a user');
equal(await knex('users').whereIn('email', ['bob@example.com', 'dan@example.com', 'nobody@example.com']).del(), 2, 'a bulk del() gives 2');

equal(await sql('SELECT account.restore(?, ?)', 'users', ann), ['4'], 'restore: user, profile, two posts');
equal([await members(), await knex('posts').where({ author_id: ann }).orderBy('id').pluck('title')],
    [[{ email: 'ann@example.com', role: 'member' }, { email: 'cat@example.com', role: 'member' }], ['One', 'Two']], 'all is back');
equal(await login('ann@example.com', "ann's password"), 200, 'and logs in');
equal(await knex('deals as d').join('users as u', 'u.id', 'd.created_by').pluck('u.email'), ['ann@example.com'], 'the deal has its seller again');

await refused('23503', 'an organisation with users is not deleted', () => knex('organisations').where({ id: acme }).del());
await refused('23001', 'nor cleaned up while users stand in the way', () => sql('SELECT account.cleanup(?, ?)', 'organisations', acme));
equal((await sql('SELECT relation::text FROM account.cleanup(?, ?, force => true)', 'organisations', acme)).at(-1), 'organisations', 'by force it goes, itself last');
equal([await sql('SELECT account.cleanup(?, ?)', 'organisations', acme), await emails()], [[], ['cat@example.com']], 'a second run finds nothing; one user is left');
await knex.destroy();
done();
