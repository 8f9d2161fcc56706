/*
 * known_ids.h
 *		What the extension knows of users and tenants by their ids, where these are others' by now.
 */
#ifndef PGACCOUNT_KNOWN_IDS_H
#define PGACCOUNT_KNOWN_IDS_H

/* How much of it there was. */
typedef struct KnownIds
{
	uint64 sessions; /* that had not ended */
	uint64 mailed_tokens;
	uint64 invitations;
	uint64 applications;
	uint64 own_deletions;
} KnownIds;

/*
 * From now on the ids of users, or of tenants, are those of others, or of none: sessions end, for
 * this reason (see session.h), and what else names them by their ids goes, so that it is good for
 * nobody else. Adds to *known, which may be NULL. Events stay, for their retention. Within
 * SPI_connect; who calls has seen to it that nothing is being made meanwhile.
 */
extern void known_ids_forget_users(const char *reason, KnownIds *known);
extern void known_ids_forget_tenants(const char *reason, KnownIds *known);

/* Is there none of it? */
extern bool known_ids_are_none(const KnownIds *known);

/* It as a text, such as "1 session, 2 invitations"; palloc'd. */
extern char *known_ids_text(const KnownIds *known);

#endif /* PGACCOUNT_KNOWN_IDS_H */
