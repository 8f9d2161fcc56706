/*
 * doctor.h
 *		Who may see which findings.
 */
#ifndef PGACCOUNT_DOCTOR_H
#define PGACCOUNT_DOCTOR_H

#ifndef IN_account
#error "doctor.h is private to src/account"
#endif

/* May the current user see the findings of all tables? owner: of the functions of the doctor. */
extern bool sees_all_findings(Oid owner);

#endif /* PGACCOUNT_DOCTOR_H */
