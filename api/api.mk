# api: HTTP in and out

noinst_LIBRARIES += libapi.a
libapi_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(UV_CFLAGS) $(MD_CFLAGS)
libapi_a_SOURCES = \
	%D%/artifacts.c \
	%D%/asset.h \
	%D%/assets.c \
	%D%/backend.h \
	%D%/backups.c \
	%D%/compare.c \
	%D%/datasets.c \
	%D%/guard.c %D%/guard.h \
	%D%/health.c \
	%D%/jobs.c \
	%D%/log.c %D%/log.h \
	%D%/meter.c %D%/meter.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/openmetrics.c %D%/openmetrics.h \
	%D%/problem.c %D%/problem.def %D%/problem.h \
	%D%/query.c %D%/query.h \
	%D%/reply.c \
	%D%/request.c %D%/request.h \
	%D%/router.c %D%/router.h %D%/routes.def \
	%D%/runs.c \
	%D%/schemas.c \
	%D%/server.c %D%/server.h \
	%D%/stream.c \
	%D%/system.c \
	%D%/wait.c

api_LIBS = libapi.a $(schema_LIBS) $(MHD_LIBS) $(UV_LIBS)
