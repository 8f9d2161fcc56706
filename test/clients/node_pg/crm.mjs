// A web application's queries on node-postgres, as one finds them: no word of pgaccount.
import { pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import pg from 'pg';

export const pool = new pg.Pool({ max: 8 });

function hashPassword(password) {
    const salt = randomBytes(9).toString('hex');
    return `pbkdf2_sha256$10000$${salt}$${pbkdf2Sync(password, salt, 10000, 32, 'sha256').toString('base64')}`;
}

function passwordIs(password, stored) {
    const [, rounds, salt, digest] = stored.split('$');
    return timingSafeEqual(pbkdf2Sync(password, salt, Number(rounds), 32, 'sha256'), Buffer.from(digest, 'base64'));
}

export async function transaction(work) {
    const client = await pool.connect();
    try {
        await client.query('BEGIN');
        const result = await work(client);
        await client.query('COMMIT');
        return result;
    } catch (error) {
        await client.query('ROLLBACK');
        throw error;
    } finally {
        client.release();
    }
}

// Makes the profile, too, as applications do.
export function register(email, password, displayName, organisation = null) {
    return transaction(async (client) => {
        const { rows } = await client.query(
            'INSERT INTO users (email, password, organisation_id) VALUES ($1, $2, $3) RETURNING *',
            [email, hashPassword(password), organisation]);
        await client.query('INSERT INTO profiles (user_id, display_name) VALUES ($1, $2)', [rows[0].id, displayName]);
        return rows[0];
    });
}

export async function logIn(email, password) {
    const { rows } = await pool.query('SELECT * FROM users WHERE email = $1 AND is_active', [email]);
    return rows.length === 1 && passwordIs(password, rows[0].password) ? rows[0] : null;
}

export async function members() {
    const { rows } = await pool.query(
        `SELECT u.email, p.display_name AS name, p.role, count(t.id)::int AS posts
         FROM users u LEFT JOIN profiles p ON p.user_id = u.id LEFT JOIN posts t ON t.author_id = u.id
         GROUP BY u.id, p.id ORDER BY u.email`);
    return rows;
}

// 404 where there is nothing to delete.
export async function closeAccount(id) {
    const { rowCount } = await pool.query({ name: 'close-account', text: 'DELETE FROM users WHERE id = $1', values: [id] });
    return rowCount === 1 ? 204 : 404;
}

export async function invite(emails) {
    const { rowCount } = await pool.query(
        'INSERT INTO users (email) SELECT * FROM unnest($1::text[]) ON CONFLICT (email) DO NOTHING', [emails]);
    return rowCount;
}

export async function signInWithGoogle(email) {
    const { rows } = await pool.query(
        `INSERT INTO users (email) VALUES ($1) ON CONFLICT (email) DO UPDATE SET is_active = true
         RETURNING id, xmax = 0 AS is_new`, [email]);
    return rows[0];
}
