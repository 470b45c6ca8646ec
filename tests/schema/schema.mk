# tests of schema

if HAVE_CHECK

check_PROGRAMS += test-schema
TESTS += test-schema %D%/printed.sh
test_schema_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/schema/suites.def"'
test_schema_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_schema_LDADD = $(schema_LIBS) $(CHECK_LIBS)
test_schema_SOURCES = \
	tests/main.c tests/test.h \
	%D%/json.c \
	%D%/recipe.c \
	%D%/safetensors.c \
	%D%/sweep.c \
	%D%/suites.def

endif

EXTRA_DIST += %D%/printed.sh

# Says what the reader makes of many specs; tests/contract/judge.mjs compares that with ajv.
check_PROGRAMS += schema-judge
schema_judge_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
schema_judge_LDADD = $(schema_LIBS)
schema_judge_SOURCES = %D%/judge.c
