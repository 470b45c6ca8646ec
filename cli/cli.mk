# cli: odenet, the worker and the command line

noinst_LIBRARIES += libcli.a
libcli_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libcli_a_SOURCES = \
	%D%/cmd.h \
	%D%/cmd_data.c \
	%D%/options.c \
	%D%/options.h

cli_LIBS = libcli.a $(schema_LIBS)
