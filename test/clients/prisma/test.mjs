// Prisma: its client's statements, nested writes, counts, upsert, skipDuplicates, transactions; and its migrations.
import pg from 'pg';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '@prisma/client';
import { attach, attached, before } from './schema.mjs';
import { proposed } from './migrate.mjs';
import { done, equal, ok } from '../../lib/tap.mjs';

const db = new pg.Client();
await db.connect();
const sql = async (text, ...values) => (await db.query({ text, values, rowMode: 'array' })).rows.map((row) => row[0]);
const login = async (email, password) => (await sql('SELECT status FROM account.login($1, $2)', email, password))[0];

// the application as it was, made by its migrations
await db.query(await proposed(before, 'empty'));
equal(await proposed(before), '', 'its migrations are done');
const [hash] = await sql('SELECT account.hash_password($1)', "ann's password");
await db.query(`INSERT INTO "User" (email, password) VALUES ('ann@example.com', '${hash}'), ('bob@example.com', '!');
    INSERT INTO "Profile" ("userId", "displayName") VALUES (1, 'Ann'), (2, 'Bob'); INSERT INTO "Post" (title, "authorId") VALUES ('One', 1), ('Two', 1); INSERT INTO "Deal" (amount, "ownerId") VALUES (4200, 1);
    INSERT INTO "Note" ("writerId") VALUES (1)`);

// a migration: the columns, and the calls
const columns = await proposed(attached);
equal(columns.match(/^ALTER TABLE "(User|Profile|Post)" ADD COLUMN +"deletedAt" TIMESTAMP\(3\);$/gm)?.length, 3, 'the columns are a migration that Prisma writes');
await db.query(columns);
await db.query(attach);
equal(await proposed(attached), '', 'of triggers and live-only indexes it proposes nothing: there is no drift');
equal(await proposed(attached.replace(/^ *deletedAt .*\n/m, '')), 'ALTER TABLE "User" DROP COLUMN "deletedAt";', 'a column that the schema does not declare it would drop');
await db.query('ALTER TABLE "User" DROP COLUMN "deletedAt"').then(() => ok(false, 'which is refused'), (error) => equal(error.code, '2BP01', 'which is refused'));
await db.query(`SELECT account.use_tables('"User"', '"Profile"'); SELECT account.create_key()`);

const prisma = new PrismaClient({ adapter: new PrismaPg({}), log: [{ emit: 'event', level: 'query' }] });
const sent = [];
prisma.$on('query', (event) => sent.push(event.query));
const users = prisma.user;
const emails = async () => (await users.findMany({ orderBy: { email: 'asc' } })).map((user) => user.email);
const refused = async (code, name, call) => call().then((result) => { ok(false, name); console.log(`# not refused: ${JSON.stringify(result)}`); },
    (error) => { if (!ok(error.code === code, name)) console.log(`# ${error.code} ${error.stack.replaceAll('\n', '\n# ')}`); });
const everything = { include: { profile: true, posts: { orderBy: { id: 'asc' } } } };

equal(await login('ann@example.com', "ann's password"), 200, 'a user logs in');
sent.length = 0;
const gone = await users.delete({ where: { id: 1 }, ...everything });
ok(sent.some((query) => query.startsWith('DELETE FROM "public"."User"')), 'delete is a DELETE');
equal([gone.email, gone.profile.displayName, gone.posts.length], ['ann@example.com', 'Ann', 2], 'delete gives the row as it was, with what it includes');
equal(await emails(), ['bob@example.com'], 'the user is in no list');
equal([await users.findUnique({ where: { id: 1 } }), await users.findUnique({ where: { email: 'ann@example.com' } }), await users.count({ where: { email: { startsWith: 'ann' } } })], [null, null, 0],
    'findUnique and count do not know it');
equal([await prisma.post.count(), await prisma.profile.count()], [0, 1], 'its posts and its profile are gone');
equal(await prisma.deal.findMany({ include: { owner: true } }), [{ id: 1, amount: 4200, ownerId: 1, owner: null }], 'its deal is there, without it');
equal(await prisma.deal.count({ where: { owner: { email: 'ann@example.com' } } }), 0, 'nor is it found through the relation');
equal(await prisma.note.count(), 1, 'its note is there');
equal(await prisma.note.findMany({ include: { writer: true } }), [{ id: 1, writerId: 1, writer: null }], 'and has no writer, though the schema requires one');
equal(await login('ann@example.com', "ann's password"), 401, 'it cannot log in');
await refused('P2025', 'delete again: no record', () => users.delete({ where: { id: 1 } }));
equal((await users.deleteMany({ where: { id: 1 } })).count, 0, 'deleteMany again: 0');
await refused('P2025', 'update: no record', () => users.update({ where: { id: 1 }, data: { email: 'x@example.com' } }));

const again = await users.create({ data: { email: 'ann@example.com', profile: { create: { displayName: 'Ann again' } }, posts: { create: [{ title: 'Three' }] } }, ...everything });
equal([again.profile.displayName, again.posts.map((post) => post.title)], ['Ann again', ['Three']], 'the email registers again, with its profile, in a nested write');
equal(await prisma.profile.count({ where: { userId: again.id } }), 1, 'with one profile');
await refused('P2002', 'once', () => users.create({ data: { email: 'ann@example.com' } }));
await sql(`SELECT account.restore('"User"', 1)`).then(() => ok(false, 'restoring is refused while the email is taken'), (error) => equal(error.code, '23505', 'restoring is refused while the email is taken'));
equal((await users.deleteMany({ where: { email: { contains: 'ann' } } })).count, 1, 'deleteMany: 1');

sent.length = 0;
const upsert = (email) => users.upsert({ where: { email }, create: { email }, update: { password: '!!' } });
const cat = await upsert('ann@example.com');
ok(sent.some((query) => /ON CONFLICT \("email"\)/.test(query)), 'upsert is an INSERT ON CONFLICT (email)');
const same = await upsert('ann@example.com');
equal([cat.id === again.id, same.id === cat.id, cat.password, same.password], [false, true, null, '!!'], 'upsert by email makes a new user, once');
equal((await users.createMany({ data: [{ email: 'ann@example.com' }, { email: 'dan@example.com' }], skipDuplicates: true })).count, 1, 'createMany that skips duplicates makes one');
equal((await users.createManyAndReturn({ data: [{ email: 'eve@example.com' }] })).map((user) => user.email), ['eve@example.com'], 'createManyAndReturn');
equal(await prisma.profile.count(), await users.count(), 'one profile a user');
equal((await users.findMany({ where: { profile: { is: null } } })).length, 0, 'nobody is without');

await prisma.$transaction(async (transaction) => {
    await transaction.user.delete({ where: { email: 'bob@example.com' } });
    throw new Error('no');
}).catch((error) => equal(error.message, 'no', 'a transaction that fails'));
ok((await emails()).includes('bob@example.com'), 'takes its delete back');
const [deleted, left] = await prisma.$transaction([users.delete({ where: { email: 'bob@example.com' } }), users.count()]);
equal([deleted.email, left], ['bob@example.com', 3], 'several operations in one transaction see the deletion');
await users.update({ where: { email: 'eve@example.com' }, data: { posts: { create: { title: 'Four' } } } });
await users.update({ where: { email: 'eve@example.com' }, data: { posts: { deleteMany: {} } } });
equal(await prisma.post.count(), 0, 'a nested deleteMany');

await users.delete({ where: { id: cat.id } });
equal(await sql(`SELECT account.restore('"User"', 1)`), ['4'], 'restore: user, profile, two posts');
const back = await users.findUnique({ where: { email: 'ann@example.com' }, ...everything });
equal([back.id, back.deletedAt, back.profile.displayName, back.posts.map((post) => post.title)], [1, null, 'Ann', ['One', 'Two']], 'all is back');
equal((await prisma.deal.findFirst({ include: { owner: true } })).owner.email, 'ann@example.com', 'its deal has it again');
equal(await login('ann@example.com', "ann's password"), 200, 'and it logs in');

const start = Date.now();
await users.delete({ where: { id: 1 } });
const [, shown] = await prisma.$transaction([prisma.$executeRaw`SET LOCAL pgaccount.show_deleted = 'public."User"'`, users.findUnique({ where: { id: 1 } })]);
ok(Math.abs(shown.deletedAt.getTime() - start) < 60000, 'deletedAt, a timestamp without time zone, is read as the time it was');
await prisma.$disconnect();
await db.end();
done();
