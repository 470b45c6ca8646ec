# daemon: odenetd

noinst_LIBRARIES += libdaemon.a
libdaemon_a_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
libdaemon_a_SOURCES = \
	%D%/files.c %D%/files.h \
	%D%/ingest.c %D%/ingest.h \
	%D%/launch.h \
	%D%/local.c \
	%D%/log.c %D%/log.h \
	%D%/queue.c %D%/queue.h \
	%D%/record.c %D%/record.h \
	%D%/run.c %D%/run.h \
	%D%/sched.c %D%/sched.h \
	%D%/stamp.c %D%/stamp.h \
	%D%/statements.def \
	%D%/store.c %D%/store.h \
	%D%/submit.c %D%/submit.h \
	%D%/supervise.c %D%/supervise.h \
	%D%/ulid.c %D%/ulid.h

daemon_LIBS = libdaemon.a $(schema_LIBS) $(UV_LIBS) $(SQLITE_LIBS)
