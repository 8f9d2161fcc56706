/*
 * monitor.h
 *		What the other folders may use of operations, events and statistics.
 */
#ifndef PGACCOUNT_MONITOR_H
#define PGACCOUNT_MONITOR_H

#include "actor.h"
#include "client.h"
#include "event.h"
#include "failure_queue.h"
#include "failure_worker.h"
#include "operation.h"
#include "stats.h"

#endif /* PGACCOUNT_MONITOR_H */
