// Tokens made here verify in node's jsonwebtoken and jose, and theirs verify here; jwks() is what jose
// reads keys from.
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as jose from 'jose';
import jsonwebtoken from 'jsonwebtoken';

let tests = 0;

function ok(condition, name) {
    tests++;
    console.log(`${condition ? '' : 'not '}ok ${tests} - ${name}`);
}

function equal(got, expected, name) {
    const same = isDeepStrictEqual(got, expected);
    ok(same, name);
    if (!same) console.log(`# got      ${JSON.stringify(got)}\n# expected ${JSON.stringify(expected)}`);
}

// The one value of a statement; parameters are :'name'. Throws with the error, SQLSTATE first.
function sql(statement, values = {}) {
    const variables = Object.entries(values).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    try {
        return execFileSync('psql', ['-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', ...variables],
            { input: statement, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).replace(/\n$/, '');
    } catch (error) {
        throw new Error(error.stderr.replace('ERROR:  ', ''));
    }
}

function refusedHere(name, statement, values) {
    try {
        ok(false, `${name}: ${sql(statement, values)}`);
    } catch (error) {
        ok(error.message.startsWith('PT401'), `${name}: PT401`);
    }
}

async function refusedThere(code, name, verify) {
    try {
        await verify();
        ok(false, name);
    } catch (error) {
        equal(error.code ?? error.name, code, name);
    }
}

const now = Math.floor(Date.now() / 1000);
const claims = {
    sub: '42', exp: now + 3600, nbf: now - 60, iat: now, jti: 'Zoë "quoted" \\ / \u2028 😀', modules: ['crm', 'billing'],
    nested: { a: [1, 2.5, null, true, { b: '' }] }, tenant_id: null
};
const late = { ...claims, exp: now - 1, nbf: 0 };
const early = { ...claims, nbf: now + 1800 };
const made = "SELECT account.jwt_sign(:'claims', decode(:'key', 'hex'), :'alg', 'k1')";
const checked = "SELECT account.jwt_verify(:'token', decode(:'key', 'hex'), :'alg')";

// HMAC, with both libraries
for (const [alg, key] of [['HS256', Buffer.alloc(32, 'k')], ['HS384', Buffer.alloc(48, '\xff', 'latin1')],
    ['HS384', Buffer.alloc(129, 'b')], ['HS512', Buffer.alloc(200, 'q')]]) {
    const name = `${alg}, ${key.length} bytes of key`;
    const values = { key: key.toString('hex'), alg };
    const other = Buffer.alloc(key.length, 'x');
    const ours = sql(made, { ...values, claims: JSON.stringify(claims) });
    const expired = sql(made, { ...values, claims: JSON.stringify(late) });

    equal(jsonwebtoken.verify(ours, key, { algorithms: [alg] }), claims, `${name}: ours verifies in jsonwebtoken`);
    equal((await jose.jwtVerify(ours, key, { algorithms: [alg] })).payload, claims, `${name}: ours verifies in jose`);
    equal(jose.decodeProtectedHeader(ours), { alg, typ: 'JWT', kid: 'k1' }, `${name}: its header`);
    await refusedThere('JsonWebTokenError', `${name}: jsonwebtoken refuses it with another key`,
        () => jsonwebtoken.verify(ours, other, { algorithms: [alg] }));
    await refusedThere('ERR_JWS_SIGNATURE_VERIFICATION_FAILED', `${name}: jose refuses it with another key`,
        () => jose.jwtVerify(ours, other));
    await refusedThere('TokenExpiredError', `${name}: jsonwebtoken sees it expire`,
        () => jsonwebtoken.verify(expired, key, { algorithms: [alg] }));
    await refusedThere('ERR_JWT_EXPIRED', `${name}: jose sees it expire`, () => jose.jwtVerify(expired, key));

    const makers = {
        jsonwebtoken: (payload) => jsonwebtoken.sign(payload, key, { algorithm: alg, keyid: 'theirs' }),
        jose: (payload) => new jose.SignJWT(payload).setProtectedHeader({ alg }).sign(key)
    };
    for (const [library, make] of Object.entries(makers)) {
        equal(JSON.parse(sql(checked, { ...values, token: await make(claims) })), claims, `${name}: ${library}'s verifies here`);
        refusedHere(`${name}: ${library}'s that is late`, checked, { ...values, token: await make(late) });
        refusedHere(`${name}: ${library}'s that is early`, checked, { ...values, token: await make(early) });
        refusedHere(`${name}: ${library}'s cut short`, checked, { ...values, token: (await make(claims)).slice(0, -1) });
    }
}
refusedHere("jsonwebtoken's without a signature", checked,
    { token: jsonwebtoken.sign(claims, null, { algorithm: 'none' }), key: '6b'.repeat(32), alg: 'HS256' });
refusedHere("jose's without a signature", checked,
    { token: new jose.UnsecuredJWT(claims).encode(), key: '6b'.repeat(32), alg: 'HS256' });

// pgjwt's names, whose secrets are text
equal(jsonwebtoken.verify(sql("SELECT account.sign('{\"sub\":\"7\"}', 'hello')"), 'hello'), { sub: '7' },
    'account.sign verifies in jsonwebtoken');
equal(sql("SELECT payload ->> 'sub', valid FROM account.verify(:'token', 'hello')",
    { token: jsonwebtoken.sign({ sub: '8' }, 'hello') }), '8|t', "jsonwebtoken's verifies in account.verify");

// Ed25519: RFC 8037 A.1's key, given here as a seed and there as a JWK
const jwk = {
    kty: 'OKP', crv: 'Ed25519', d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
};
const seed = Buffer.from(jwk.d, 'base64url').toString('hex');
const point = Buffer.from(jwk.x, 'base64url').toString('hex');
const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
const publicKey = await jose.importJWK({ ...jwk, d: undefined }, 'EdDSA');
const ours = sql(made, { key: seed, alg: 'EdDSA', claims: JSON.stringify(claims) });
equal((await jose.jwtVerify(ours, publicKey, { algorithms: ['EdDSA'] })).payload, claims, 'EdDSA: ours verifies in jose');
const theirs = await new jose.SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid: 'ed-2' }).sign(privateKey);
equal(JSON.parse(sql(checked, { token: theirs, key: point, alg: 'EdDSA' })), claims, "EdDSA: jose's verifies here");

// Keys of the database. jose takes the key that the token names from jwks(); nothing of an HMAC key is there.
sql("SELECT account.create_key('EdDSA', 'ed-1'), account.create_key('HS256', 'hs-1', activate => false)");
sql("SELECT account.create_key('EdDSA', 'ed-2', decode(:'seed', 'hex'))", { seed });
const set = JSON.parse(sql('SELECT account.jwks()'));
equal(set.keys.map((key) => key.kid).sort(), ['ed-1', 'ed-2'], 'jwks() has the public keys, no secret');
equal(set.keys.find((key) => key.kid === 'ed-2'),
    { kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', x: jwk.x, kid: 'ed-2' }, "a key of it is RFC 8037 A.2's, by name");
equal(await jose.calculateJwkThumbprint(set.keys.find((key) => key.kid === 'ed-2')),
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', 'with the thumbprint of RFC 8037 A.3');
const keys = jose.createLocalJWKSet(set);
sql("SELECT account.create_starter('app')");
sql("INSERT INTO app.tenants (slug, name, modules) VALUES ('acme', 'Acme', '[\"crm\"]')");
const user = sql(`INSERT INTO app.users (email, is_staff, tenant_id) SELECT 'ann@example.com', true, id FROM app.tenants
    RETURNING id`);
// of each session that begins now, which is each statement's
sql('ALTER DATABASE :"DBNAME" SET pgaccount.issuer = \'https://auth.example.com\'; ALTER DATABASE :"DBNAME" SET pgaccount.audience = api');
for (const kid of ['ed-1', 'ed-2']) {
    const token = sql("SELECT account.activate_key(:'kid'); SELECT account.issue_access_token(:'user')", { kid, user })
        .replace(/^\n/, '');
    const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
        issuer: 'https://auth.example.com', audience: 'api', requiredClaims: ['exp', 'iat', 'nbf', 'sub', 'jti'], maxTokenAge: 60
    });
    equal(protectedHeader, { alg: 'EdDSA', typ: 'JWT', kid }, `an access token names its key ${kid}`);
    equal([payload.sub, payload.tenant, payload.modules, payload.is_staff, payload.sid], [user, 'acme', ['crm'], true, null],
        `jose verifies an access token with the key of jwks() ${kid}`);
}
const addressed = { ...claims, iss: 'https://auth.example.com', aud: ['web', 'api'] };
const sign = (payload, kid) => new jose.SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', kid }).sign(privateKey);
const verified = "SELECT account.verify_access_token(:'token')";
equal(JSON.parse(sql(verified, { token: await sign(addressed, 'ed-2') })), addressed, "jose's verifies by its kid");
refusedHere("jose's with another key's kid", verified, { token: await sign(addressed, 'ed-1') });
refusedHere("jose's of another issuer", verified, { token: await sign({ ...addressed, iss: 'https://evil.example.com' }, 'ed-2') });
refusedHere("jose's for another audience", verified, { token: await sign({ ...addressed, aud: ['web'] }, 'ed-2') });
// A person, who is deleted and comes back: what a service sees that verifies by jwks(), and what the database says.
sql("SELECT account.register('bea@example.com', 'a long enough password', tenant => 'acme', profile => '{\"display_name\": \"Bea\"}')");
const login = "SELECT status, user_id, access_token FROM account.login('bea@example.com', 'a long enough password')";
const listing = "SELECT u.email, p.display_name FROM app.users u JOIN app.profiles p ON p.user_id = u.id WHERE u.email LIKE 'bea%'";
const authenticated = "SELECT account.authenticate(:'token')";
const remove = "DELETE FROM app.users WHERE id = :'id'";
const reads = async (token) => (await jose.jwtVerify(token, keys, { issuer: 'https://auth.example.com', audience: 'api' })).payload;
const [status, bea, first] = sql(login).split('|');
equal([status, (await reads(first)).sub, sql(authenticated, { token: first })], ['200', bea, bea], 'a person logs in: jose reads who it is, as account.authenticate does');
sql(remove, { id: bea });
equal(sql(login), '401||', 'deleted, it cannot log in: no token for jose');
equal((await reads(first)).sub, bea, 'jose alone knows nothing of that until the token expires');
refusedHere('account.authenticate does', authenticated, { token: first });
refusedHere('also where jose makes the token', authenticated, { token: await sign({ ...addressed, sub: bea }, 'ed-2') });
equal(sql(listing), '', 'it is in no list');
sql("SELECT account.register('Bea@example.com', 'a long enough password')");
const [newStatus, again, second] = sql(login).split('|');
equal([newStatus, again !== bea, (await reads(second)).sub, (await reads(second)).tenant], ['200', true, again, null], 'its email registers again: jose reads another person, of no tenant');
sql(remove, { id: again });
equal(sql("SELECT account.restore('app.users', :'id')", { id: bea }), '1', 'the first is restored');
equal(sql(listing), 'bea@example.com|Bea', 'is in the list again, with its profile');
refusedHere('its session is not: that token stays refused', authenticated, { token: first });
const [lastStatus, back, third] = sql(login).split('|');
equal([lastStatus, back, (await reads(third)).sub, (await reads(third)).tenant], ['200', bea, bea, 'acme'], 'and logs in: jose reads the same person, of its tenant');
sql("SELECT account.retire_key('ed-2')");
equal(JSON.parse(sql('SELECT account.jwks()')).keys.map((key) => key.kid), ['ed-1'], 'a retired key leaves jwks()');
refusedHere("jose's once the key is retired", verified, { token: await sign(addressed, 'ed-2') });

console.log(`1..${tests}`);
