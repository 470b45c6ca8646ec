/*
 * ages.h - databases as older versions left them.
 */
#ifndef ODE_TESTS_DAEMON_AGES_H
#define ODE_TESTS_DAEMON_AGES_H

/* Makes a database of this version at the path, with a row or more in each of its tables.
 */
void ages_make(const char *path, int version);

/* All rows of the tables and columns that version 1 had, as text, to be freed: what no
 * migration may change. */
char *ages_dump(const char *path);

#endif
