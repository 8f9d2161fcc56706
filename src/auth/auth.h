/*
 * auth.h
 *		What the other folders may use of keys, identity, sessions and logins.
 */
#ifndef PGACCOUNT_AUTH_H
#define PGACCOUNT_AUTH_H

#include "identity.h"
#include "key_store.h"
#include "known_ids.h"
#include "login.h"
#include "login_attempt.h"
#include "mailed_token.h"
#include "member_changes.h"
#include "member_write.h"
#include "one_time_token.h"
#include "own_deletion.h"
#include "profile_settable.h"
#include "registered_names.h"
#include "registration.h"
#include "removal_users.h"
#include "session.h"
#include "session_lock.h"
#include "session_use.h"
#include "tenant_hold.h"
#include "tenant_isolation.h"
#include "throttle.h"
#include "user_changes.h"
#include "user_erasure.h"
#include "user_trigger.h"

#endif /* PGACCOUNT_AUTH_H */
