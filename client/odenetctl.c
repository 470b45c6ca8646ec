/* odenetctl.c - the client of odenetd's HTTP API. */
#include "client/ctl.h"

int
main(int argc, char **argv)
{
    return ctl_main(argc, argv);
}
