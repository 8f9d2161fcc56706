SELECT account.http_status('PT404'), account.http_status('23505'), account.http_status('22023');
