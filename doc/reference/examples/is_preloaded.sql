SELECT account.is_preloaded();
