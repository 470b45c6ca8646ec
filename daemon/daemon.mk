# daemon: odenetd

noinst_LIBRARIES += libdaemon.a
libdaemon_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(UV_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
libdaemon_a_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/ask.c %D%/ask.h \
	%D%/attempt.c %D%/attempt.h \
	%D%/backup.c %D%/backup.h \
	%D%/backups.c %D%/backups.h \
	%D%/backend.c %D%/backend.h \
	%D%/change.c %D%/change.h \
	%D%/daemon.c %D%/daemon.h \
	%D%/demand.c %D%/demand.h \
	%D%/documents.c %D%/documents.h \
	%D%/files.c %D%/files.h \
	%D%/gauges.c %D%/gauges.h \
	%D%/ingest.c %D%/ingest.h \
	%D%/keys.c %D%/keys.h \
	%D%/launch.h \
	%D%/local.c \
	%D%/log.c %D%/log.h \
	%D%/order.c %D%/order.h \
	%D%/notify.c %D%/notify.h \
	%D%/planner.c %D%/planner.h \
	%D%/post.c %D%/post.h \
	%D%/probe.c %D%/probe.h \
	%D%/pulse.c %D%/pulse.h \
	%D%/queue.c %D%/queue.h \
	%D%/record.c %D%/record.h \
	%D%/remove.c %D%/remove.h \
	%D%/rules.c %D%/rules.h \
	%D%/run.c %D%/run.h \
	%D%/sched.c %D%/sched.h \
	%D%/series.c %D%/series.h \
	%D%/settings.c %D%/settings.def %D%/settings.h \
	%D%/sockets.c %D%/sockets.h \
	%D%/stamp.c %D%/stamp.h \
	%D%/statements.def \
	%D%/storage.c %D%/storage.h \
	%D%/store.c %D%/store.h \
	%D%/submit.c %D%/submit.h \
	%D%/requests.c %D%/requests.h \
	%D%/sweeps.c %D%/sweeps.h \
	%D%/supervise.c %D%/supervise.h \
	%D%/ulid.c %D%/ulid.h \
	%D%/versus.c %D%/versus.h \
	%D%/warm.c %D%/warm.h \
	%D%/webhook.c %D%/webhook.h

daemon_LIBS = libdaemon.a $(api_LIBS) $(web_LIBS) $(schema_LIBS) $(core_LIBS) \
	$(CURL_LIBS) $(UV_LIBS) $(SQLITE_LIBS)

sbin_PROGRAMS += odenetd
odenetd_CFLAGS = $(AM_CFLAGS)
odenetd_SOURCES = %D%/main.c
odenetd_LDADD = $(daemon_LIBS)
