/*
 * client.c
 *		Where a request comes from: the address and the agent of the client.
 *
 * Behind a proxy or a pooler the connection's address is the proxy's. Who stands between says so:
 * by account.set_client_ip, for the transaction, or as PostgREST does in request.headers. The
 * address given lives in a setting that only we can set, so that it ends with the transaction and
 * rolls back with a savepoint, as identity.c has it. The headers anybody may set: an address from
 * there is marked as unverified in what is recorded.
 */
#include "postgres.h"

#include <sys/socket.h>

#include "access/parallel.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "client.h"

PG_FUNCTION_INFO_V1(set_client_ip);

#define CLIENT_SETTING "pgaccount.client_ip"

/* The longest agent that is kept. */
#define MAX_USER_AGENT 512

static char *client_setting = NULL;

/* True while we set the setting ourselves. */
static bool setting_client = false;

/* Check hook: nobody but ourselves, and the leader of a parallel worker. */
static bool
check_client(char **newval, void **extra, GucSource source)
{
	if (source == PGC_S_DEFAULT && (*newval == NULL || **newval == '\0'))
		return true;
	if (setting_client || (InitializingParallelWorker && source == PGC_S_SESSION))
		return true;
	GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
	GUC_check_errmsg("parameter \"%s\" cannot be set", CLIENT_SETTING);
	GUC_check_errhint("Call account.set_client_ip().");
	return false;
}

/* Define the setting that holds the address. */
void
client_init(void)
{
	DefineCustomStringVariable(
		CLIENT_SETTING, "Address of the client, of the transaction.",
		"Set by account.set_client_ip() alone.", &client_setting, "", PGC_SUSET,
		GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_SUPERUSER_ONLY,
		check_client, NULL, NULL);
}

/* Read an address as it stands in a header: of one host, with no netmask. NULL: it is none. */
static inet *
read_address(const char *text)
{
	inet *address = palloc0(sizeof(inet));
	int family = strchr(text, ':') != NULL ? PGSQL_AF_INET6 : PGSQL_AF_INET;
	int bits;

	if (strchr(text, '/') != NULL)
		return NULL;
	bits = pg_inet_net_pton(family, text, ip_addr(address), -1);
	if (bits != (family == PGSQL_AF_INET ? 32 : 128))
		return NULL;
	ip_family(address) = family;
	ip_bits(address) = bits;
	SET_INET_VARSIZE(address);
	return address;
}

/*
 * Is the text the same in UTF-8 and in the database's encoding? Converting might ask the catalog.
 */
static bool
same_in_utf8(const char *text, size_t len)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return true;
	for (size_t i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	return true;
}

/* A member of a JSON object that is held by a setting. */
char *
request_member(const char *setting, const char *name)
{
	const char *json = GetConfigOption(setting, true, false);
	JsonMember member = {name, strlen(name), JSON_ABSENT, NULL, 0};
	char *arena = NULL;

	if (json == NULL || json[0] != '{' || !same_in_utf8(json, strlen(json)) ||
		json_scan_object(json, strlen(json), &member, 1, NULL, NULL, &arena) != JSON_OK ||
		(member.kind != JSON_STRING && member.kind != JSON_NUMBER) || member.len == 0 ||
		!same_in_utf8(member.text, member.len))
		return NULL;
	return pnstrdup(member.text, member.len);
}

/*
 * The address in a header x-forwarded-for: the first is the client's, if the proxies say so.
 */
static inet *
forwarded_for(void)
{
	char *list = request_member(REQUEST_HEADERS, "x-forwarded-for");

	if (list == NULL)
		return NULL;
	list += strspn(list, " ");
	list[strcspn(list, ", ")] = '\0';
	return read_address(list);
}

/* The connection's address; NULL: it is a local one, or there is none. */
static inet *
connection_address(void)
{
	LOCAL_FCINFO(call, 0);
	Datum address;

	InitFunctionCallInfoData(*call, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(call);
	return call->isnull ? NULL : DatumGetInetPP(address);
}

/* The client's address; see the header. */
inet *
client_ip(const char **unverified)
{
	inet *address = NULL;

	*unverified = NULL;
	if (client_setting != NULL && client_setting[0] != '\0')
		address = read_address(client_setting);
	if (address != NULL)
		return address;
	address = forwarded_for();
	if (address == NULL)
		return connection_address();
	*unverified = REQUEST_HEADERS;
	return address;
}

/* The client's agent; see the header. */
char *
client_user_agent(void)
{
	char *agent = request_member(REQUEST_HEADERS, "user-agent");

	if (agent != NULL)
		agent[pg_mbcliplen(agent, strlen(agent), MAX_USER_AGENT)] = '\0';
	return agent;
}

/*
 * account.set_client_ip(ip inet): the client's address for this transaction; NULL: the
 * connection's.
 */
Datum
set_client_ip(PG_FUNCTION_ARGS)
{
	const char *value =
		PG_ARGISNULL(0)
			? ""
			: TextDatumGetCString(DirectFunctionCall1(network_host, PG_GETARG_DATUM(0)));

	setting_client = true;
	PG_TRY();
	{
		(void) set_config_option(CLIENT_SETTING, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
								 true, 0, false);
	}
	PG_FINALLY();
	{
		setting_client = false;
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}
