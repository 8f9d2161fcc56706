// An Express application with the wrapper of the recipe.
import express from 'express';
import pg from 'pg';
import { readFileSync } from 'node:fs';

const pool = new pg.Pool({ max: 4 });
const app = express();
app.use((req, res, next) => {
    const id = req.get('X-User'); // in place of a login
    if (id) req.user = { id };
    next();
});
// the block is no module: it has what is around it
const acting = new Function('pool', `${readFileSync(`${process.env.TMPDIR}/block.js`, 'utf8').replace(/^app\.[\s\S]*$/m, '')}\nreturn acting;`)(pool);

app.get('/who', acting(async (req, db) => ({ uid: (await db.query('SELECT account.uid()')).rows[0].uid })));
app.delete('/users/:id', acting(async (req, db) => {
    await db.query('DELETE FROM users WHERE id = $1', [req.params.id]);
    if (req.get('X-Fail')) throw new Error('as asked');
    return { removed: req.params.id };
}));
app.listen(Number(process.argv[2]), '127.0.0.1');
