/* potential.c - the integrals of the activations. */
#include "core/check/potential.h"

#include <math.h>

/* log cosh x, without overflow. */
static double
log_cosh(double x)
{
    return fabs(x) + log1p(exp(-2 * fabs(x))) - M_LN2;
}

/* (x^2 P + x p - P) / 2, P the normal distribution function and p its density. */
static double
gelu(double x)
{
    const double distribution = 0.5 * erfc(-x * M_SQRT1_2);
    const double density = exp(-x * x / 2) / sqrt(2 * M_PI);

    return (x * x * distribution + x * density - distribution) / 2;
}

/*
 * -Li2(-e^x). For x <= 0, with y = e^x and z = y / (1 + y) <= 1/2, it is sum z^k / k^2 +
 * log(1 + y)^2 / 2; and Phi(x) + Phi(-x) = x^2 / 2 + pi^2 / 6.
 */
static double
softplus(double x)
{
    const double y = exp(-fabs(x)), z = y / (1 + y), root = log1p(y);
    double sum = root * root / 2, power = z;

    for (int k = 1; k <= 60; k++, power *= z)
        sum += power / (k * k);
    return x <= 0 ? sum : x * x / 2 + M_PI * M_PI / 6 - sum;
}

double
ode_potential(enum ode_act act, double x)
{
    const double square = x * x / 2;

    switch (act) {
    case ODE_ACT_RELU:
        return x > 0 ? square : 0;
    case ODE_ACT_TANH:
        return log_cosh(x);
    case ODE_ACT_LEAKY_RELU:
        return x > 0 ? square : square / 100;
    case ODE_ACT_GELU:
        return gelu(x);
    case ODE_ACT_CELU:
        return x > 0 ? square : expm1(x) - x;
    case ODE_ACT_SOFTPLUS:
        return softplus(x);
    }
    return NAN;
}
