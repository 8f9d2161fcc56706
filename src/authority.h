/*
 * authority.h
 *		Who may act on which user.
 */
#ifndef PGACCOUNT_AUTHORITY_H
#define PGACCOUNT_AUTHORITY_H

#include "model_user.h"

/*
 * The live user of this id, on whom the identity may act: itself (where self may), staff on users of its
 * own tenant, or of none where it has none, superusers on all. Raises PT401 without an identity whose user
 * may come in, PT403, or PT404. NULL user_id: PT404. *is_self may be NULL.
 */
extern UserRecord *authority_over(const Model *model, const char *user_id, bool self,
								  bool *is_self);

#endif /* PGACCOUNT_AUTHORITY_H */
