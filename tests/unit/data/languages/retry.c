#include <stdio.h>

/* How often. */
struct policy {
    int limit;
};

static int retry(int (*call)(void))
{
    return call();
}
