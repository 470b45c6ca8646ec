# tests/house: the rules of the house, which need no Check

house_tests = \
	%D%/calls.sh \
	%D%/client/man.sh \
	%D%/configure.sh \
	%D%/format.sh \
	%D%/headers.sh \
	%D%/layers.sh \
	%D%/man.sh \
	%D%/shell.sh \
	%D%/systemd/unit.sh
TESTS += $(house_tests)
EXTRA_DIST += $(house_tests) %D%/systemd/box.sh %D%/systemd/box-inside.sh

# The sanitizers themselves need what the service's sandbox forbids.
if !SANITIZERS
TESTS += %D%/systemd/box.sh
endif
AM_TESTS_ENVIRONMENT = \
	CC='$(CC)'; HEADER_FLAGS='$(header_flags)'; export CC HEADER_FLAGS;
header_flags = $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) $(ODE_CFLAGS) $(CHECK_CFLAGS) \
	$(JANSSON_CFLAGS) $(ZLIB_CFLAGS) $(MD_CFLAGS) $(OPENBLAS_CFLAGS) $(UV_CFLAGS) \
	$(SQLITE_CFLAGS) $(MHD_CFLAGS) $(GNUTLS_CFLAGS) $(CURL_CFLAGS)
