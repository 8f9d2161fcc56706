/*
 * held_open.h
 *		What a row trigger opens for the first row of a statement, and holds open for the others.
 */
#ifndef PGACCOUNT_HELD_OPEN_H
#define PGACCOUNT_HELD_OPEN_H

#include "utils/palloc.h"
#include "utils/resowner.h"

typedef struct HeldOpen
{
	void (*close)(void *arg);
	void *arg;
	ResourceOwner owner; /* of what is held; NULL: it has let go */
	MemoryContextCallback at_end;
	struct HeldOpen *next;
} HeldOpen;

extern void held_open_init(void);

/*
 * Hold what the current resource owner has until the memory of the statement goes: then close(arg)
 * is called in the name of that owner, unless an abort was first. held and all that close() needs
 * are in this context itself: its children go before.
 */
extern void hold_open(HeldOpen *held, MemoryContext context, void (*close)(void *arg), void *arg);

#endif /* PGACCOUNT_HELD_OPEN_H */
