// better-auth as its documentation sets it up: addresses with passwords, users that may delete themselves, organisations.
import http from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { organization } from 'better-auth/plugins';
import pg from 'pg';

const port = Number(process.argv[2]);
const auth = betterAuth({
    database: new pg.Pool({ max: 4 }),
    baseURL: `http://127.0.0.1:${port}`,
    secret: 'a secret of at least thirty-two bytes, for tests',
    emailAndPassword: { enabled: true },
    user: { deleteUser: { enabled: true } },
    plugins: [organization()],
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
http.createServer(toNodeHandler(auth)).listen(port, '127.0.0.1');
