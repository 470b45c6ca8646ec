# odenet.m4 - the project's own checks.

# ODE_COMPILER_FLAGS: the warnings that the code is held to, as far as the compiler has them.
AC_DEFUN([ODE_COMPILER_FLAGS], [
  ODE_CFLAGS="-std=gnu17 -ffp-contract=off"
  for flag in -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wcast-qual -Wwrite-strings \
      -Wmissing-prototypes -Wstrict-prototypes -fstack-protector-strong; do
    AC_MSG_CHECKING([whether $CC takes $flag])
    saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
      [AC_MSG_RESULT([yes]); ODE_CFLAGS="$ODE_CFLAGS $flag"], [AC_MSG_RESULT([no])])
    CFLAGS=$saved_CFLAGS
  done
])

# ODE_REQUIRE(NAME, PKG-CONFIG SPEC, DEBIAN PACKAGE): a library; missing ones are collected,
# so that one run of configure names them all.
AC_DEFUN([ODE_REQUIRE], [
  PKG_CHECK_MODULES([$1], [$2], [have_$1=yes], [
    have_$1=no
    ode_missing="$ode_missing
    $2 (Debian package $3)"
    ode_packages="$ode_packages $3"])
])

# ODE_WANT(NAME, PKG-CONFIG SPEC, DEBIAN PACKAGE): a library that only the tests need.
AC_DEFUN([ODE_WANT], [
  PKG_CHECK_MODULES([$1], [$2], [have_$1=yes], [
    have_$1=no
    AC_MSG_WARN([$2 is missing (Debian package $3): make check will not work])])
])

AC_DEFUN([ODE_REPORT_MISSING], [
  AS_IF([test -n "$ode_missing"], [AC_MSG_ERROR([these libraries are missing:$ode_missing
  Install them with: apt-get install$ode_packages])])
])

# ODE_INSTRUCTION_SET(NAME, FLAGS, STATEMENT): defines HAVE_NAME and NAME_CFLAGS. A build for
# fuzzing goes without: nothing trains there, and instrumented kernels take minutes to compile.
AC_DEFUN([ODE_INSTRUCTION_SET], [
  AC_MSG_CHECKING([whether $CC can compile for $1])
  saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS $2"
  have_$1=no
  AS_IF([test "x$enable_fuzzing" != xyes],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([#include <immintrin.h>], [$3])],
       [have_$1=yes; $1_CFLAGS="$2"
        AC_DEFINE([HAVE_$1], [1], [Whether kernels for $1 are compiled])])])
  CFLAGS=$saved_CFLAGS
  AC_MSG_RESULT([$have_$1])
  AC_SUBST([$1_CFLAGS])
  AM_CONDITIONAL([HAVE_$1], [test "x$have_$1" = xyes])
])
