// What "prisma migrate" proposes: the engine of its migrations, which npm has in WebAssembly, on node-postgres.
import fs from 'node:fs';
import pg from 'pg';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum as as, bindMigrationAwareSqlAdapterFactory as bind } from '@prisma/driver-adapter-utils';
import * as engine from './node_modules/@prisma/schema-engine-wasm/schema_engine_bg.js';

const wasm = fs.readFileSync(new URL('node_modules/@prisma/schema-engine-wasm/schema_engine_bg.wasm', import.meta.url));
const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': engine });
engine.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

// Columns of the catalog have types that the adapter does not take: "char", name[].
const types = { 16: as.Boolean, 18: as.Character, 19: as.Text, 20: as.Int64, 21: as.Int32, 23: as.Int32, 25: as.Text, 26: as.Int64, 1043: as.Text, 1002: as.CharacterArray, 1003: as.TextArray,
    1005: as.Int32Array, 1007: as.Int32Array, 1009: as.TextArray };
async function queryRaw({ sql, args }) {
    const client = new pg.Client();
    await client.connect();
    const { fields, rows } = await client.query({ text: sql, values: args, rowMode: 'array' }).finally(() => client.end());
    const unknown = fields.find((field) => !(field.dataTypeID in types));
    if (unknown) throw new Error(`column ${unknown.name} of the catalog is of type ${unknown.dataTypeID}`);
    return { columnNames: fields.map((field) => field.name), columnTypes: fields.map((field) => types[field.dataTypeID]), rows };
}
const adapter = new PrismaPg({});
const catalog = {
    provider: adapter.provider, adapterName: adapter.adapterName,
    connect: async () => Object.assign(await adapter.connect(), { queryRaw }),
    connectToShadowDb: () => adapter.connectToShadowDb(),
};

// The statements from the database as it is, or from nothing, to a schema.
export async function proposed(schema, from = 'schemaDatasource') {
    const files = [{ path: 'schema.prisma', content: schema }];
    const migrations = await engine.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, bind(catalog));
    const { stdout } = await migrations.diff({
        from: from === 'empty' ? { tag: 'empty' } : { tag: from, files, configDir: '.' }, to: { tag: 'schemaDatamodel', files }, script: true, exitCode: null,
        filters: { externalTables: [], externalEnums: [] },
    });
    return stdout.replace(/^--.*\n/gm, '').trim();
}
