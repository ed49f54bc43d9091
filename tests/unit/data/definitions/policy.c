#include <stdio.h>
#define MAX(a, b) \
  ((a) > (b) ? (a) : (b))
/* A policy. */
typedef struct policy { int limit; } policy_t;
struct node { struct node *next; };
enum mode { FAST, SLOW };
typedef int (*handler)(int);
static int counter = 0;
int declared(int x);
/** Calls. */
static inline int *retry(policy_t *p, int (*call)(void)) {
  return 0;
}
#ifdef X
void only_x(void) { }
#else
void only_x(void) { return; }
#endif
UV_EXTERN int uv_run(uv_loop_t* loop, uv_run_mode mode) {
  return 1;
}
int main(int argc, char **argv)
{
  return 0;
}
