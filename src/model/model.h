/*
 * model.h
 *		What the other folders may use of the account model.
 */
#ifndef PGACCOUNT_MODEL_H
#define PGACCOUNT_MODEL_H

#include "liveness.h"
#include "login_names.h"
#include "membership.h"
#include "model_mapping.h"
#include "model_rows.h"
#include "model_rule.h"
#include "user_record.h"

#endif /* PGACCOUNT_MODEL_H */
