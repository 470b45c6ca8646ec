# tests of the whole engine against numbers that PyTorch computed

golden_files = \
	%D%/euler-antisymmetric.safetensors \
	%D%/euler-resnet.safetensors \
	%D%/euler-single.safetensors \
	%D%/euler-symmetric.safetensors \
	%D%/hamiltonian-batch.safetensors \
	%D%/hamiltonian-flat.safetensors \
	%D%/hamiltonian-instance.safetensors \
	%D%/hamiltonian-nodes.safetensors \
	%D%/hamiltonian-none.safetensors \
	%D%/hamiltonian-tv.safetensors \
	%D%/hamiltonian-wide.safetensors \
	%D%/leapfrog-neumann.safetensors \
	%D%/leapfrog-taylor.safetensors \
	%D%/leapfrog-zero.safetensors \
	%D%/midpoint-euler.safetensors \
	%D%/midpoint-zero.safetensors \
	%D%/parabolic-tv.safetensors \
	%D%/revnet-batch.safetensors \
	%D%/revnet-link.safetensors \
	%D%/rk4-nodes.safetensors \
	%D%/rk4-symmetric.safetensors
EXTRA_DIST += %D%/make.py $(golden_files)

if HAVE_CHECK

check_PROGRAMS += test-golden
TESTS += test-golden
golden_defines = -DGOLDEN_DIR='"$(abs_top_srcdir)/tests/golden"' -DSUITES_DEF='"tests/golden/suites.def"'
test_golden_CPPFLAGS = $(AM_CPPFLAGS) $(golden_defines)
test_golden_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_golden_LDADD = $(schema_LIBS) $(CHECK_LIBS)
test_golden_SOURCES = \
	tests/main.c tests/test.h \
	%D%/golden.c \
	%D%/suites.def

# In double: what reads and settles specs has no `real` in it and comes from the libraries.
check_PROGRAMS += test-golden-double
TESTS += test-golden-double
test_golden_double_CPPFLAGS = $(test_golden_CPPFLAGS) -DODE_DOUBLE
test_golden_double_CFLAGS = $(test_golden_CFLAGS)
test_golden_double_LDADD = libcore-double.a $(schema_LIBS) $(CHECK_LIBS)
test_golden_double_SOURCES = $(test_golden_SOURCES)

endif
