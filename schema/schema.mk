# schema: how things are written down

noinst_LIBRARIES += libschema.a
libschema_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libschema_a_SOURCES = \
	%D%/sets.c \
	%D%/sets.h

schema_LIBS = libschema.a $(JANSSON_LIBS) $(core_LIBS)
