# client: odenetctl, the client of the HTTP API

noinst_LIBRARIES += libclient.a
libclient_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)
libclient_a_SOURCES = \
	%D%/call.c %D%/call.h \
	%D%/cmd_act.c \
	%D%/cmd_events.c \
	%D%/cmd_fetch.c \
	%D%/cmd_list.c \
	%D%/cmd_log.c \
	%D%/cmd_submit.c \
	%D%/cmd_wait.c \
	%D%/ctl.c %D%/ctl.h \
	%D%/follow.c %D%/follow.h \
	%D%/lines.c %D%/lines.h \
	%D%/names.c %D%/names.h \
	%D%/place.c %D%/place.h \
	%D%/progress.c %D%/progress.h \
	%D%/runs.c %D%/runs.h \
	%D%/wire.c %D%/wire.h \
	%D%/words.c %D%/words.h

# Of the engine only files, hashes and words: neither OpenBLAS nor threads are linked.
client_LIBS = libclient.a libodenet.a $(CURL_LIBS) $(JANSSON_LIBS) $(MD_LIBS) -lm

bin_PROGRAMS += odenetctl
odenetctl_CFLAGS = $(AM_CFLAGS)
odenetctl_SOURCES = %D%/odenetctl.c
odenetctl_LDADD = $(client_LIBS)
dist_man_MANS += %D%/odenetctl.1
