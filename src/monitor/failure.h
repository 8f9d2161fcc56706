/*
 * failure.h
 *		A failure that waits to be recorded.
 */
#ifndef PGACCOUNT_FAILURE_H
#define PGACCOUNT_FAILURE_H

#include "utils/inet.h"
#include "utils/timestamp.h"

/*
 * A failure, as it waits. Texts are in the encoding of its database, cut to fit; empty: not known.
 */
typedef struct Failure
{
	TimestampTz at;
	double duration_ms;
	int sqlerrcode;
	bool has_ip;
	bool ip_unverified; /* it comes from request.headers */
	union
	{
		inet ip;
		char ip_bytes[32];
		int32 aligned;
	};
	char operation[32];
	char actor[128];
	char act[128];       /* who acts as the actor */
	char unverified[32]; /* the setting that an unverified actor comes from */
	char subject[128];
	char tenant_id[64];
	char message[200];
} Failure;

#endif /* PGACCOUNT_FAILURE_H */
