/*
 * jwt.h
 *		What the other folders may use of tokens.
 */
#ifndef PGACCOUNT_JWT_H
#define PGACCOUNT_JWT_H

#include "base64url.h"
#include "claims_jsonb.h"
#include "json_claims.h"
#include "jws.h"
#include "jwt_functions.h"

#endif /* PGACCOUNT_JWT_H */
