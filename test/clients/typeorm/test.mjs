// TypeORM: save, remove, delete and its count, upsert, query builders, quoted camelCase names; what its migrations propose.
import { Deal, Organisation, Post, Profile, User, database, members, register, users } from './crm.mjs';
import { tryRecipe } from './recipe.mjs';
import { done, equal, ok, refused } from '../../lib/tap.mjs';

await database.initialize();
const sql = async (text, ...values) => (await database.query(text, values)).map((row) => Object.values(row)[0]);
const login = async (email, password) => (await sql('SELECT status FROM account.login($1, $2)', email, password))[0];
const emails = async () => (await members()).map((user) => user.email);
const hash = async (password) => (await sql('SELECT account.hash_password($1)', password))[0];

const organisations = database.getRepository(Organisation);
const acme = await organisations.save({ name: 'Acme', slug: 'acme', enabledModules: ['crm'] });
const ann = await register('ann@example.com', await hash("ann's password"), 'Ann', acme);
const bob = await register('bob@example.com', await hash("bob's password"), 'Bob', acme);
await database.getRepository(Post).save([{ title: 'One', author: ann }, { title: 'Two', author: ann }]);
await database.getRepository(Deal).save({ amount: 4200, organisation: acme, createdBy: ann });
await refused('23503|23001', 'without pgaccount: a user with a deal cannot be removed, 500', async () => users.remove(await users.findOneBy({ id: ann.id })));

await database.query(`SELECT account.enable_soft_delete('"user"', 'deletedAt', children => true);
    SELECT account.unique_among_live('"user"', 'email'); SELECT account.enable_profile('"user"', 'profile', 'userId');
    SELECT account.use_tables('"user"', 'profile', 'organisation'); SELECT account.create_key()`);
equal((await members()).map((user) => [user.email, user.profile.displayName, user.posts.length]), [['ann@example.com', 'Ann', 2], ['bob@example.com', 'Bob', 0]],
    'attached: the list is as it was');
equal(await login('ann@example.com', "ann's password"), 200, 'a user logs in');

await users.remove(await users.findOneBy({ id: ann.id }));
equal(await emails(), ['bob@example.com'], 'remove: the user is in no list');
equal([await users.findOneBy({ id: ann.id }), await users.countBy({ email: 'ann@example.com' }), await users.existsBy({ id: ann.id })], [null, 0, false],
    'findOneBy, countBy and existsBy do not know it');
equal((await database.getRepository(Deal).findOne({ where: {}, relations: { createdBy: true } })).createdBy, null, 'its deal is there, without it');
equal(await database.getRepository(Post).count(), 0, 'its posts are gone');
equal(await login('ann@example.com', "ann's password"), 401, 'it cannot log in');
equal((await users.delete({ id: ann.id })).affected, 0, 'delete again: affected 0');

const again = await register('ann@example.com', 'x', 'Ann again', acme);
ok(again.id !== ann.id, 'the email registers again, by the ORM');
equal(await sql('SELECT "displayName" FROM profile WHERE "userId" = $1', again.id), ['Ann again'], 'with one profile, its own');
await refused('23505', 'once', () => register('ann@example.com', 'x', 'x'));
await refused('23505', 'restoring is refused while the email is taken', () => sql(`SELECT account.restore('"user"', $1)`, ann.id));
equal((await users.delete({ email: 'ann@example.com' })).affected, 1, 'delete: affected 1');
await users.upsert([{ email: 'ann@example.com' }, { email: 'cat@example.com' }], ['email']);
await users.upsert([{ email: 'ann@example.com', isActive: true }], ['email']);
equal(await emails(), ['ann@example.com', 'bob@example.com', 'cat@example.com'], 'upsert by email makes a new user, once');
equal((await members()).map((user) => user.profile?.role), ['member', 'member', 'member'], 'one profile a user');
const raw = await users.createQueryBuilder().delete().where('email = :email', { email: 'ann@example.com' }).returning('email').execute();
equal([raw.affected, raw.raw], [1, [{ email: 'ann@example.com' }]], 'a query builder: affected and RETURNING');
await refused('P0001', 'a transaction that fails', () => database.transaction(async (manager) => {
    await manager.delete(User, { email: 'bob@example.com' });
    await manager.query(`DO 'BEGIN RAISE EXCEPTION USING MESSAGE = ''no''; END'`);
}));
equal(await emails(), ['bob@example.com', 'cat@example.com'], 'takes its delete back');

equal(await sql(`SELECT account.restore('"user"', $1)`, ann.id), ['4'], 'restore: user, profile, two posts');
const back = (await members())[0];
equal([back.id, back.profile.displayName, back.posts.map((post) => post.title)], [ann.id, 'Ann', ['One', 'Two']], 'all is back');
equal(await login('ann@example.com', "ann's password"), 200, 'and logs in');

await refused('23503', 'an organisation with users is not removed', () => organisations.remove({ ...acme }));
await refused('23001', 'nor cleaned up while users stand in the way', () => sql('SELECT account.cleanup($1, $2)', 'organisation', acme.id));
equal((await sql(`SELECT relation::text FROM account.cleanup('organisation', $1, force => true)`, acme.id)).at(-1), 'organisation', 'by force it goes, itself last');
equal([await sql('SELECT account.cleanup($1, $2)', 'organisation', acme.id), await emails(), await database.getRepository(Profile).count()], [[], ['cat@example.com'], 1],
    'a second run finds nothing; one user with its profile is left');
await database.destroy();

await tryRecipe();
done();
