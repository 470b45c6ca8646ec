# tests: a program per folder, with Check

if HAVE_CHECK

check_PROGRAMS += test-core
TESTS += test-core
test_core_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/core/suites.def"'
test_core_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_core_LDADD = $(core_LIBS) $(CHECK_LIBS)
test_core_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/core/suites.def \
	%D%/core/depth.c \
	%D%/core/rng.c \
	%D%/core/stencil.c \
	%D%/core/transfer.c

else

check-local:
	@echo "make check needs Check: apt-get install check" >&2; exit 1

endif
