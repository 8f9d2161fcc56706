// Parse Server as its documentation sets it up. It reaches the database by the network alone, so its connections are
// handed on to the server's socket.
import net from 'node:net';
import express from 'express';
import { ParseServer } from 'parse-server';

const port = Number(process.argv[2]);
const socket = `${process.env.PGHOST}/.s.PGSQL.${process.env.PGPORT ?? 5432}`;
const door = net.createServer((client) => {
    const database = net.connect(socket);
    client.on('error', () => database.destroy()).pipe(database);
    database.on('error', () => client.destroy()).pipe(client);
});
await new Promise((ready) => door.listen(0, '127.0.0.1', ready));
const parse = new ParseServer({
    databaseURI: `postgres://${process.env.PGUSER}:none@127.0.0.1:${door.address().port}/${process.env.PGDATABASE}`,
    appId: 'press',
    masterKey: 'the master key',
    serverURL: `http://127.0.0.1:${port}/parse`,
    allowClientClassCreation: true,
    logsFolder: null,
    silent: true,
});
await parse.start();
const app = express();
app.use('/parse', parse.app);
app.listen(port, '127.0.0.1');
