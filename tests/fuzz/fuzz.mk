# tests/fuzz: programs that take any bytes. With --enable-fuzzing libFuzzer makes them up
# (scripts/fuzz); otherwise they replay their corpus, as tests.

if HAVE_CHECK

check_LIBRARIES += libfuzz.a
libfuzz_a_SOURCES = %D%/fuzz.c %D%/fuzz.h

# The main program: libFuzzer's, or the one that replays.
if FUZZING
fuzz_main = $(ODE_FUZZER)
else
check_LIBRARIES += libreplay.a
libreplay_a_SOURCES = %D%/replay.c
fuzz_main = libreplay.a
endif
fuzz_LIBS = $(fuzz_main) libfuzz.a

fuzz_targets = \
	fuzz-control \
	fuzz-data \
	fuzz-http \
	fuzz-journal \
	fuzz-safetensors \
	fuzz-settings \
	fuzz-spec \
	fuzz-story
check_PROGRAMS += $(fuzz_targets)
if !FUZZING
TESTS += $(fuzz_targets)
endif

fuzz_control_SOURCES = %D%/control.c
fuzz_control_LDADD = $(fuzz_LIBS) $(cli_LIBS)

fuzz_data_SOURCES = %D%/data.c
fuzz_data_LDADD = $(fuzz_LIBS) $(core_LIBS)

# With the tests' fake backend, which knows Check; what it takes of it is in http.c.
fuzz_http_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS) $(MHD_CFLAGS) $(GNUTLS_CFLAGS) $(UV_CFLAGS)
fuzz_http_SOURCES = %D%/http.c tests/api/fake.c tests/api/fake.h tests/test.h
fuzz_http_LDADD = $(fuzz_LIBS) $(api_LIBS)

fuzz_daemon_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(UV_CFLAGS)
fuzz_daemon_LIBS = $(fuzz_LIBS) $(daemon_LIBS)

fuzz_journal_CFLAGS = $(fuzz_daemon_CFLAGS)
fuzz_journal_SOURCES = %D%/journal.c
fuzz_journal_LDADD = $(fuzz_daemon_LIBS)

fuzz_settings_CFLAGS = $(fuzz_daemon_CFLAGS)
fuzz_settings_SOURCES = %D%/settings.c
fuzz_settings_LDADD = $(fuzz_daemon_LIBS)

fuzz_spec_CFLAGS = $(fuzz_daemon_CFLAGS)
fuzz_spec_SOURCES = %D%/spec.c
fuzz_spec_LDADD = $(fuzz_daemon_LIBS)

fuzz_safetensors_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
fuzz_safetensors_SOURCES = %D%/safetensors.c
fuzz_safetensors_LDADD = $(fuzz_LIBS) $(cli_LIBS)

fuzz_story_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
fuzz_story_SOURCES = %D%/story.c
fuzz_story_LDADD = $(fuzz_LIBS) $(cli_LIBS)

endif

EXTRA_DIST += %D%/corpus %D%/http.dict %D%/journal.dict
