# cli: odenet, the worker and the command line

noinst_LIBRARIES += libcli.a
libcli_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libcli_a_SOURCES = \
	%D%/bench.h \
	%D%/bench_kernels.c \
	%D%/bench_machine.c \
	%D%/bench_peak.c \
	%D%/bench_step.c \
	%D%/blas.c \
	%D%/blas.h \
	%D%/cached.c \
	%D%/cached.h \
	%D%/checkpoint.c \
	%D%/checkpoint.h \
	%D%/cmd.c \
	%D%/cmd.h \
	%D%/cmd_bench.c \
	%D%/cmd_check.c \
	%D%/cmd_compare.c \
	%D%/cmd_data.c \
	%D%/cmd_eval.c \
	%D%/cmd_export.c \
	%D%/cmd_plan.c \
	%D%/cmd_system.c \
	%D%/cmd_train.c \
	%D%/cmd_transfer.c \
	%D%/control.c \
	%D%/control.h \
	%D%/duration.c \
	%D%/duration.h \
	%D%/forecast.c \
	%D%/forecast.h \
	%D%/journal.c \
	%D%/journal.h \
	%D%/ladder.c \
	%D%/ladder.h \
	%D%/load.c \
	%D%/load.h \
	%D%/model.c \
	%D%/model.h \
	%D%/numbers.c \
	%D%/numbers.h \
	%D%/options.c \
	%D%/plot.c \
	%D%/plot.h \
	%D%/options.h \
	%D%/prefix.c \
	%D%/prefix.h \
	%D%/spread.c \
	%D%/spread.h \
	%D%/story.c \
	%D%/story.h \
	%D%/warm.c \
	%D%/warm.h \
	%D%/weights.c \
	%D%/weights.h \
	%D%/worker.c \
	%D%/worker.h

cli_LIBS = libcli.a $(schema_LIBS)

bin_PROGRAMS += odenet
odenet_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
odenet_SOURCES = %D%/odenet.c
odenet_LDADD = $(cli_LIBS)
