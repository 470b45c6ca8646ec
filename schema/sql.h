/*
 * sql.h - the text of the database's migrations, embedded.
 *
 * Step v (from 1) takes a database whose user_version is v - 1 to v. The text has no
 * transaction of its own: whoever applies it does so together with the new version.
 */
#ifndef ODE_SCHEMA_SQL_H
#define ODE_SCHEMA_SQL_H

#include <stddef.h>

#define SQL_APPLICATION_ID 0x6f64656e /* "oden": PRAGMA application_id */

struct sql_migration {
    const char *name; /* as in "001_init" */
    const char *text; /* SQL, ended by NUL */
};

/* The steps in order; *n becomes their number. Never NULL. */
const struct sql_migration *sql_migrations(size_t *n);

#endif
