/*
 * pgaccount.c
 *		Front door of the library: _PG_init, nothing else.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "account/account.h"
#include "auth/auth.h"
#include "base/base.h"
#include "cleanup/cleanup.h"
#include "hold/hold.h"
#include "jwt/jwt.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "password/password.h"
#include "profile/profile.h"
#include "softdelete/softdelete.h"
#include "hooks.h"

COMPAT_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/* Does this setting, a list of libraries, name ours? */
static bool
names_library(const char *list)
{
	return list != NULL && strstr(list, "pgaccount") != NULL;
}

/*
 * Is the library loaded at the start of a session? A parallel worker loads what its leader has
 * loaded once it is up; the settings it shares with the leader say how that came to be.
 */
static bool
preloaded_by_session(void)
{
	if (!IsNormalProcessingMode())
		return true;
	return InitializingParallelWorker && (names_library(session_preload_libraries_string) ||
										  names_library(local_preload_libraries_string));
}

/*
 * Called once a process: at server start (shared_preload_libraries), at session start
 * (session_preload_libraries, local_preload_libraries), or when a function is first called or
 * LOADed. The hooks that change statements are installed in the first two cases only: a session's
 * behaviour never changes midway.
 */
void
_PG_init(void)
{
	settings_init(process_shared_preload_libraries_in_progress);
	identity_init();
	client_init();
	settings_reserve();
	version_init();
	mapping_init();
	plan_cache_init();
	deferred_init();
	held_open_init();
	soft_delete_ddl_init();
	cascade_init();
	hold_state_init();
	hold_ddl_init();
	removal_init();
	event_init();
	user_changes_init();
	removal_users_init();
	user_erasure_init();
	member_changes_init();
	last_member_init();
	last_member_removal_init();
	stats_init();
	failure_queue_init();
	failure_worker_init();
	profiles_init();
	password_init();
	model_init();
	throttle_init();
	jwt_init();
	key_store_init();
	actor_register(identity_uid, identity_actor);
	hooks_init(process_shared_preload_libraries_in_progress || preloaded_by_session());
}
