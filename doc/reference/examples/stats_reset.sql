SELECT account.stats_reset();
