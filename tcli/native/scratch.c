/* Memory that a thread keeps between kernels: fresh pages would cost more than what is done in them. */
#include "vectors.h"

#include <stdlib.h>

#define LINE 64
#define STEP ((isize)1 << 18)

static _Thread_local void *kept;
static _Thread_local isize size;

void *scratch(isize bytes) {
    if (bytes <= size) return kept;
    free(kept);
    isize wanted = (bytes + STEP - 1) / STEP * STEP;
    kept = aligned_alloc(LINE, wanted);
    size = kept ? wanted : 0;
    return kept;
}
