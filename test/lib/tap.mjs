// TAP for the clients in test/clients that are written in JavaScript.
import { isDeepStrictEqual } from 'node:util';

let tests = 0;

export function ok(condition, name) {
    tests++;
    console.log(`${condition ? '' : 'not '}ok ${tests} - ${name}`);
    return Boolean(condition);
}

export function equal(got, expected, name) {
    if (!ok(isDeepStrictEqual(got, expected), name))
        console.log(`# got      ${JSON.stringify(got)}\n# expected ${JSON.stringify(expected)}`);
}

// What is called must fail with this SQLSTATE, or one of several (a|b); gives the driver's error, also where a library wraps it.
export async function refused(sqlstate, name, call) {
    try {
        const result = await call();
        ok(false, name);
        console.log(`# not refused: ${JSON.stringify(result)}`);
        return {};
    } catch (error) {
        const cause = error.driverError ?? error.original ?? error.parent ?? error;
        if (!ok(sqlstate.split('|').includes(cause.code), name)) console.log(`# ${error.stack.replaceAll('\n', '\n# ')}`);
        return cause;
    }
}

// The plan. A script that dies earlier has none, and has failed.
export function done() {
    console.log(`1..${tests}`);
}
