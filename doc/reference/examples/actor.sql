SELECT account.actor();
