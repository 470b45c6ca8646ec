# schema: how things are written down

noinst_LIBRARIES += libschema.a
libschema_a_CPPFLAGS = $(AM_CPPFLAGS) -DODE_SOURCE_DIR='"$(top_srcdir)"'
libschema_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libschema_a_SOURCES = \
	%D%/compare.c \
	%D%/compare.h \
	%D%/describe.c \
	%D%/forecast.c \
	%D%/forecast.h \
	%D%/json.c \
	%D%/json.h \
	%D%/near.c \
	%D%/near.h \
	%D%/openapi.c \
	%D%/openapi.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/recipe.c \
	%D%/recipe.h \
	%D%/safetensors.c \
	%D%/safetensors.h \
	%D%/sets.c \
	%D%/sets.h \
	%D%/sql.c \
	%D%/sql.h \
	%D%/sweep.c \
	%D%/sweep.h \
	%D%/tensorwrite.c \
	%D%/write.c

schema_LIBS = libschema.a $(JANSSON_LIBS) $(core_LIBS)

# The migrations are embedded: what embeds them is made again when one of them changes.
sql_files = %D%/sql/migrations.def %D%/sql/001_init.sql %D%/sql/002_requests.sql \
	%D%/sql/003_forecast.sql %D%/sql/004_cached.sql %D%/sql/005_turns.sql %D%/sql/006_keys.sql %D%/sql/007_events.sql \
	%D%/sql/008_sweeps.sql %D%/sql/009_storage.sql %D%/sql/010_webhooks.sql %D%/sql/011_versions.sql
EXTRA_DIST += $(sql_files)
%D%/libschema_a-sql.$(OBJEXT): $(sql_files)

# So is the document of the API.
EXTRA_DIST += %D%/openapi.json
%D%/libschema_a-openapi.$(OBJEXT): %D%/openapi.json

# The printed copies are committed for review, and compared in make check.
noinst_PROGRAMS += schema-print
schema_print_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
schema_print_SOURCES = %D%/print.c
schema_print_LDADD = $(schema_LIBS)
EXTRA_DIST += %D%/job.schema.json

.PHONY: schema
schema: schema-print
	./schema-print > $(top_srcdir)/schema/job.schema.json
