# core: libodenet, the numbers

lib_LIBRARIES += libodenet.a
libodenet_a_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(MD_CFLAGS) $(OPENBLAS_CFLAGS)
libodenet_a_SOURCES = \
	%D%/base/arena.c \
	%D%/base/rng.c \
	%D%/base/status.c \
	%D%/recipe/recipe.c \
	%D%/scales/depth.c \
	%D%/scales/stencil.c \
	%D%/scales/transfer.c

core_headers = \
	%D%/base/arena.h \
	%D%/base/field.h \
	%D%/base/rng.h \
	%D%/base/status.def \
	%D%/base/status.h \
	%D%/net/params.h \
	%D%/recipe/recipe.def \
	%D%/recipe/recipe.h \
	%D%/scales/depth.h \
	%D%/scales/stencil.h \
	%D%/scales/transfer.h

nobase_pkginclude_HEADERS += $(core_headers)

core_LIBS = libodenet.a $(ZLIB_LIBS) $(MD_LIBS) $(OPENBLAS_LIBS) -lpthread -lm
