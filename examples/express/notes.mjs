// Notes of several tenants: Express and node-postgres behind PgBouncer in transaction mode. pgaccount says who asks.
import express from 'express';
import pg from 'pg';

const pool = new pg.Pool({ max: 20 });
const app = express();
app.use(express.json());

// What a function does in one transaction.
async function transaction(work) {
    const client = await pool.connect();
    try {
        await client.query('BEGIN');
        const result = await work((text, ...values) => client.query(text, values).then((answer) => answer.rows));
        await client.query('COMMIT');
        return result;
    } catch (error) {
        await client.query('ROLLBACK');
        throw error;
    } finally {
        client.release();
    }
}

// A request is a transaction, of whoever its token says.
const asWhoeverAsks = (work) => (request, response, next) => transaction(async (sql) => {
    await sql('SELECT account.authenticate($1)', (request.get('Authorization') ?? '').replace(/^Bearer /, ''));
    return work(sql, request);
}).then((data) => response.json(data)).catch(next);

// A refusal is a row, not an error: what it has learnt is committed.
const tokens = (call, ...names) => (request, response, next) => transaction((sql) =>
    sql(`SELECT * FROM account.${call}`, ...names.map((name) => name(request)))
).then(([pair]) => response.status(pair.status).json(pair)).catch(next);
const field = (name, otherwise = null) => (request) => request.body?.[name] ?? otherwise;

app.post('/login', tokens('login($1, $2, $3, $4, $5)', field('login'), field('password'), (request) => request.ip,
    (request) => request.get('User-Agent'), field('tenant')));
app.post('/refresh', tokens('refresh($1)', field('refresh_token')));
app.post('/switch', tokens('switch_tenant($1, $2)', field('refresh_token'), field('tenant', '')));

app.get('/tenants', asWhoeverAsks((sql) =>
    sql('SELECT tenant, tenant_role, is_active, is_current FROM account.memberships() ORDER BY tenant')));

const list = (sql) => sql('SELECT body FROM notes ORDER BY id').then((rows) => rows.map((note) => note.body));
app.get('/notes', asWhoeverAsks(list));
app.post('/notes', asWhoeverAsks(async (sql, request) => {
    // tenant and author come from the identity, by the defaults of their columns
    await sql('INSERT INTO notes (body) VALUES ($1)', request.body.body);
    return list(sql);
}));

app.use((error, request, response, next) => {
    const status = /^PT\d{3}$/.test(error.code) ? Number(error.code.slice(2)) : 500;
    response.status(status).json({ error: error.message });
});
app.listen(Number(process.env.PORT ?? 8000), '127.0.0.1');
