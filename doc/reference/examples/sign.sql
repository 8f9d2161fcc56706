SELECT account.sign('{"sub": "7"}', 'secret') AS token;
