SELECT * FROM account.verify(account.sign('{"sub": "7"}', 'secret'), 'secret');
