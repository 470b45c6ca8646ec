/* sql.c - the database's migrations as bytes of the program. */
#include "schema/sql.h"

#define EMBED_SQL(name)                                                 \
    __asm__(".pushsection .rodata\n"                                    \
            ".hidden sql_" #name "\n"                                   \
            ".global sql_" #name "\n"                                   \
            "sql_" #name ":\n"                                          \
            ".incbin \"" ODE_SOURCE_DIR "/schema/sql/" #name ".sql\"\n" \
            ".byte 0\n"                                                 \
            ".popsection\n");                                           \
    extern const char sql_##name[] __attribute__((visibility("hidden")));

#define MIGRATION(name) EMBED_SQL(name)
#include "schema/sql/migrations.def"
#undef MIGRATION

static const struct sql_migration migrations[] = {
#define MIGRATION(name) { #name, sql_##name },
#include "schema/sql/migrations.def"
#undef MIGRATION
};

const struct sql_migration *
sql_migrations(size_t *n)
{
    *n = sizeof migrations / sizeof *migrations;
    return migrations;
}
