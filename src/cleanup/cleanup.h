/*
 * cleanup.h
 *		What the other folders may use of cleanup and purge.
 */
#ifndef PGACCOUNT_CLEANUP_H
#define PGACCOUNT_CLEANUP_H

#include "batches.h"
#include "cleanup_closure.h"
#include "cleanup_run.h"
#include "cleanup_set.h"
#include "erase.h"
#include "erasure.h"
#include "purge.h"
#include "removal.h"
#include "removal_scope.h"
#include "replace.h"

#endif /* PGACCOUNT_CLEANUP_H */
