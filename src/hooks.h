/*
 * hooks.h
 *		The server's hooks, in one place. They only dispatch.
 */
#ifndef PGACCOUNT_HOOKS_H
#define PGACCOUNT_HOOKS_H

/* Install the hooks. Only when preloaded, so that behaviour never changes in mid-session. */
extern void hooks_init(bool library_preloaded);

#endif /* PGACCOUNT_HOOKS_H */
