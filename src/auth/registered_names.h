/*
 * registered_names.h
 *		The emails and usernames of users: one space of names, each of one live user.
 */
#ifndef PGACCOUNT_REGISTERED_NAMES_H
#define PGACCOUNT_REGISTERED_NAMES_H

#include "utils/rel.h"

#include "model/model.h"

/* A unique index of users. */
typedef struct UniqueName UniqueName;

/* The names that a user is about to have. */
typedef struct RegisteredNames
{
	const Model *model;
	const char *email;
	const char *username; /* NULL: none */
	UniqueName *unique;   /* what names_find_unique() found, good as long as the model stays */
	int nunique;
} RegisteredNames;

/*
 * Find the unique indexes of users: to be done first. After an error the catalog cannot be asked.
 */
extern void names_find_unique(RegisteredNames *names, Relation users);

/*
 * Whoever takes names begins with this: it keeps off those who take more than can be locked one by
 * one. To be done before a tenant is held.
 */
extern void names_begin_taking(void);

/* The same for who lets users come back whose names are not known yet; before any row is locked. */
extern void names_begin_taking_all(void);

/* Lock the names to the end of the transaction, in one order for all. */
extern void names_lock(const RegisteredNames *names);

/*
 * Raise 23505 if a live user has the email or the username, which are locked. What a unique index
 * says at the INSERT is not asked. Within SPI_connect, as the owner of users.
 */
extern void names_check_free(const RegisteredNames *names, Relation users);

/* Complete an error of the INSERT: the column that a unique violation is about. */
extern void names_complete_error(const RegisteredNames *names, Relation users, ErrorData *error);

/*
 * Lock the email and username of a user that is to come back, and raise 23505 where another live
 * user has one of them that no unique index looks after. Not within SPI_connect.
 */
extern void names_claim(const Model *model, const UserRecord *user);

/* Users that are to come back: the condition of user t, and its parameters. */
typedef struct ReturningUsers
{
	const char *condition;
	int n;
	const Oid *types;
	Datum *values;
} ReturningUsers;

/*
 * The same of many users, whose names are not locked: raise 23505 where a live user has one by now.
 * Not within SPI_connect.
 */
extern void names_check_returning(const Model *model, const ReturningUsers *returning);

#endif /* PGACCOUNT_REGISTERED_NAMES_H */
