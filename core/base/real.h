/*
 * real.h - the number type of the engine.
 *
 * float, except in the test program that is compiled a second time with ODE_DOUBLE: there
 * the very same code runs in double, so that adjoints and derivatives can be checked to
 * rounding instead of to a tolerance that hides mistakes.
 */
#ifndef ODE_CORE_BASE_REAL_H
#define ODE_CORE_BASE_REAL_H

#ifdef ODE_DOUBLE
typedef double real;
#define ODE_REAL_BITS 53 /* of the significand */
#else
typedef float real;
#define ODE_REAL_BITS 24
#endif

#endif
