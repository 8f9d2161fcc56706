/*
 * softdelete.h
 *		What the other folders may use of soft delete.
 */
#ifndef PGACCOUNT_SOFTDELETE_H
#define PGACCOUNT_SOFTDELETE_H

#include "cascade.h"
#include "cascade_edges.h"
#include "conflict.h"
#include "delete_call.h"
#include "hierarchy.h"
#include "joint_delete.h"
#include "mapping.h"
#include "referencing.h"
#include "referential.h"
#include "restore.h"
#include "rewrite.h"
#include "row_move.h"
#include "soft_delete.h"
#include "soft_delete_ddl.h"
#include "stamp.h"
#include "trigger_order.h"
#include "unique_keys.h"
#include "unique_live.h"

#endif /* PGACCOUNT_SOFTDELETE_H */
