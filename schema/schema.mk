# schema: how things are written down

noinst_LIBRARIES += libschema.a
libschema_a_CPPFLAGS = $(AM_CPPFLAGS) -DODE_SOURCE_DIR='"$(top_srcdir)"'
libschema_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libschema_a_SOURCES = \
	%D%/sets.c \
	%D%/sets.h \
	%D%/sql.c \
	%D%/sql.h

schema_LIBS = libschema.a $(JANSSON_LIBS) $(core_LIBS)

# The migrations are embedded: what embeds them is made again when one of them changes.
sql_files = %D%/sql/migrations.def %D%/sql/001_init.sql
EXTRA_DIST += $(sql_files)
%D%/libschema_a-sql.$(OBJEXT): $(sql_files)
