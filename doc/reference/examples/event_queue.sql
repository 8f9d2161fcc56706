SELECT * FROM account.event_queue();
