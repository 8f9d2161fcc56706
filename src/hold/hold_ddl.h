/*
 * hold_ddl.h
 *		What commands may not do to tables that holds are about.
 */
#ifndef PGACCOUNT_HOLD_DDL_H
#define PGACCOUNT_HOLD_DDL_H

/* Follow what is said of references. Called while the library is loaded. */
extern void hold_ddl_init(void);

#endif /* PGACCOUNT_HOLD_DDL_H */
