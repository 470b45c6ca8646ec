# api: HTTP in and out

noinst_LIBRARIES += libapi.a
libapi_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(GNUTLS_CFLAGS) \
	$(UV_CFLAGS) $(MD_CFLAGS) $(ZLIB_CFLAGS)
libapi_a_SOURCES = \
	%D%/accept.c %D%/accept.h \
	%D%/access.c %D%/access.h \
	%D%/artifacts.c \
	%D%/asset.h \
	%D%/assets.c \
	%D%/backend.h \
	%D%/backups.c \
	%D%/compare.c \
	%D%/datasets.c \
	%D%/follow.c \
	%D%/guard.c %D%/guard.h \
	%D%/health.c \
	%D%/jobs.c \
	%D%/junit.c %D%/junit.h \
	%D%/lists.c \
	%D%/listener.c %D%/listener.h \
	%D%/log.c %D%/log.h \
	%D%/meter.c %D%/meter.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/peer.c %D%/peer.h \
	%D%/openmetrics.c %D%/openmetrics.h \
	%D%/problem.c %D%/problem.def %D%/problem.h \
	%D%/query.c %D%/query.h \
	%D%/rate.c %D%/rate.h \
	%D%/reply.c \
	%D%/squeeze.c %D%/squeeze.h \
	%D%/request.c %D%/request.h \
	%D%/router.c %D%/router.h %D%/routes.def \
	%D%/runs.c \
	%D%/schemas.c \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h \
	%D%/socket.c %D%/socket.h \
	%D%/stream.c \
	%D%/system.c \
	%D%/tls.c %D%/tls.h \
	%D%/tokens.c %D%/tokens.h \
	%D%/wait.c \
	%D%/watch.c %D%/watch.h

api_LIBS = libapi.a $(schema_LIBS) $(MHD_LIBS) $(GNUTLS_LIBS) $(UV_LIBS)
