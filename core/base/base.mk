# core/base and the recipe that describes itself: part of libodenet

libodenet_a_SOURCES += \
	%D%/field.c \
	%D%/file.c \
	%D%/hash.c \
	core/recipe/settle.c

core_headers += \
	%D%/field_structs.inc \
	%D%/field_tables.inc \
	%D%/file.h \
	%D%/hash.h
