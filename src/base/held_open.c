/*
 * held_open.c
 *		What a row trigger opens for the first row of a statement, and holds open for the others.
 *
 * Relations, scans and descriptions of rows belong to a resource owner. When a transaction is
 * aborted the owner lets go of them first, or the statement's memory goes first, and either must
 * tell the other: hence HeldOpen.owner and the list.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "held_open.h"

static HeldOpen *all_held = NULL;

/* Take one off the list. */
static void
forget(HeldOpen *held)
{
	for (HeldOpen **p = &all_held; *p != NULL; p = &(*p)->next)
		if (*p == held)
		{
			*p = (*p)->next;
			return;
		}
}

/* The statement's memory goes: close what is still held, in the name of its owner. */
static void
statement_ends(void *arg)
{
	HeldOpen *held = arg;
	ResourceOwner saved = CurrentResourceOwner;

	forget(held);
	if (held->owner == NULL)
		return;
	CurrentResourceOwner = held->owner;
	held->close(held->arg);
	CurrentResourceOwner = saved;
	held->owner = NULL;
}

/* A resource owner lets go of all it holds: what is held open among it is closed. */
static void
owner_releases(ResourceReleasePhase phase, bool is_commit, bool is_top, void *arg)
{
	if (phase != RESOURCE_RELEASE_BEFORE_LOCKS)
		return;
	for (HeldOpen *held = all_held; held != NULL; held = held->next)
		if (held->owner == CurrentResourceOwner)
			held->owner = NULL;
}

/* Register what must be known of aborts. */
void
held_open_init(void)
{
	RegisterResourceReleaseCallback(owner_releases, NULL);
}

/* Hold something open as long as the memory of a statement lives. */
void
hold_open(HeldOpen *held, MemoryContext context, void (*close)(void *arg), void *arg)
{
	held->close = close;
	held->arg = arg;
	held->owner = CurrentResourceOwner;
	held->next = all_held;
	all_held = held;
	held->at_end.func = statement_ends;
	held->at_end.arg = held;
	MemoryContextRegisterResetCallback(context, &held->at_end);
}
