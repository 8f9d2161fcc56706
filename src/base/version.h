/*
 * version.h
 *		The library's version against the installed script's, and its hooks.
 */
#ifndef PGACCOUNT_VERSION_H
#define PGACCOUNT_VERSION_H

/*
 * Raise unless the extension's script in this database is of the library's version. Cheap after
 * once.
 */
extern void version_check(void);

/* OID of the schema account if this database has the extension, else InvalidOid. Cached. */
extern Oid account_schema(void);

/* OID of the extension, else InvalidOid. */
extern Oid account_extension(void);

/*
 * Are all hooks installed in this session? They are where the library is preloaded, so that
 * behaviour never changes in mid-session.
 */
extern bool hooks_installed(void);
extern void hooks_are_installed(void);

extern void version_init(void);

#endif /* PGACCOUNT_VERSION_H */
