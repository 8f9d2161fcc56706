// The blocks of doc/recipes/node.md for TypeORM: the entity, the calls, and what migration:generate proposes.
import fs from 'node:fs';
import 'reflect-metadata';
import typeorm from 'typeorm';
import typescript from 'typescript';
import { equal, ok } from '../../lib/tap.mjs';

const recipe = fs.readFileSync(new URL('../../../doc/recipes/node.md', import.meta.url), 'utf8').split(/^## /m).find((section) => section.startsWith('TypeORM\n'));
const block = (language) => recipe.match(new RegExp('^```' + language + '\n(.*?)^```', 'ms'))[1];
const attach = block('sql');
const after = block('typescript');
const before = after.replace(/^ *@Index.*\n/m, '').replace(/^ *@DeleteDateColumn.*\n.*deletedAt.*\n/m, '').replace('@Column()', '@Column({ unique: true })');

// An entity of that text, as TypeScript compiles it.
function entity(text) {
    const { outputText } = typescript.transpileModule(text, { compilerOptions: { experimentalDecorators: true, emitDecoratorMetadata: true, module: 'CommonJS', target: 'ES2021' } });
    const names = Object.keys(typeorm).filter((name) => /^[A-Z]/.test(name));
    const exports = {};
    new Function('exports', ...names, outputText)(exports, ...names.map((name) => typeorm[name]));
    return exports.User;
}

const open = (schema, text) => new typeorm.DataSource({
    type: 'postgres', host: process.env.PGHOST, port: Number(process.env.PGPORT), username: process.env.PGUSER, database: process.env.PGDATABASE, schema,
    installExtensions: false, entities: [entity(text)], extra: { options: `-c search_path=${schema}` },
}).initialize();
const proposed = async (source) => (await source.driver.createSchemaBuilder().log()).upQueries.map((query) => query.query);

export async function tryRecipe() {
    for (const [schema, generate] of [['by_calls', false], ['by_migration', true]]) {
        const was = await open(schema, before);
        await was.query(`CREATE SCHEMA ${schema}`);
        await was.synchronize();
        await was.getRepository('User').save([{ email: 'ann@example.com' }, { email: 'bob@example.com' }]);
        const is = await open(schema, after);
        const written = await proposed(is);
        equal(written.length, 3, 'recipe: a migration adds a column and makes the constraint an index');
        for (const statement of generate ? written : []) await is.query(statement);
        await is.query(attach);
        equal(await proposed(is), [], `recipe, ${schema}: no migration is proposed afterwards`);
        const drop = (await proposed(was)).find((statement) => statement.includes('DROP COLUMN'));
        await was.query(drop).then(() => ok(false, 'recipe: to drop the column is refused'), (error) => equal(error.driverError.code, '2BP01', 'recipe: to drop the column is refused'));

        const users = is.getRepository('User');
        const emails = async (options) => (await users.find({ order: { id: 'ASC' }, ...options })).map((user) => user.email);
        equal([(await users.softDelete({ id: 1 })).affected, (await users.delete({ id: 2 })).affected, await emails()], [1, 1, []], 'recipe: softDelete and delete do the same');
        equal([await emails({ withDeleted: true }), (await users.restore({ id: 1 })).affected], [[], 0], 'recipe: withDeleted and restore know no deleted rows');
        equal((await is.query('SELECT email FROM account.deleted(NULL::"user") ORDER BY id')).map((user) => user.email), ['ann@example.com', 'bob@example.com'], 'recipe: account.deleted does');
        await users.save({ email: 'ann@example.com' });
        equal([await is.query(`SELECT account.restore('"user"', 2)::int AS n`), await emails()], [[{ n: 1 }], ['bob@example.com', 'ann@example.com']], 'recipe: account.restore brings back');
        await was.destroy();
        await is.destroy();
    }
}
