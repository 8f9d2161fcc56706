SELECT account.prune_events();
