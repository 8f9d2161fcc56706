/*
 * tenant_hold.h
 *		A tenant that somebody joins stays what it is until the transaction ends.
 */
#ifndef PGACCOUNT_TENANT_HOLD_H
#define PGACCOUNT_TENANT_HOLD_H

#include "model/model.h"

/*
 * Lock a tenant, by its id, against its deletion and deactivation: its row, so that no foreign key
 * to it waits later, then what session_end_tenant() takes, as those who change tenants do. Returns
 * whether it is there and live, and active; both true where no tenants are mapped. Not within
 * SPI_connect.
 */
extern bool tenant_hold(const Model *model, const char *tenant_id, bool *is_active);

#endif /* PGACCOUNT_TENANT_HOLD_H */
