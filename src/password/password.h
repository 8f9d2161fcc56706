/*
 * password.h
 *		What the other folders may use of passwords.
 */
#ifndef PGACCOUNT_PASSWORD_H
#define PGACCOUNT_PASSWORD_H

#include "password_hash.h"

#endif /* PGACCOUNT_PASSWORD_H */
