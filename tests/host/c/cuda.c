/* A stand-in for the CUDA driver, for machines without a GPU: it behaves as the Driver API documents, for the few functions that the
 * effect and its tests use, and fails where the test says so.
 *
 * Device memory cannot be touched by the processor: the addresses handed out are pages without access, and the bytes behind them lie
 * elsewhere. Copies onto a stream are queued, their source read at once, as the driver does with memory that is not page-locked
 * (Driver API, "API synchronization behavior"); they happen when somebody synchronizes. Without a context that is current on the
 * calling thread every copy is refused.
 *
 * STAND_IN_CUDA_FAILS names a function that always answers 719 (CUDA_ERROR_LAUNCH_FAILED). */
/* For anonymous mappings. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, FAILED = 719 };
enum { SIZE = 64 << 20, CONTEXT = 0xC0DE, CONTEXT_OF = 1, HOST = 1, DEVICE = 2 };

typedef struct {
    size_t source_x, source_y;
    unsigned source_type;
    const void *source;
    uint64_t source_device;
    void *source_array;
    size_t source_pitch;
    size_t target_x, target_y;
    unsigned target_type;
    void *target;
    uint64_t target_device;
    void *target_array;
    size_t target_pitch;
    size_t width, height;
} copy2d;

struct queued {
    struct queued *next;
    uint64_t to;
    size_t pitch, width, height;
    char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *device, *behind;
static size_t used;
static struct queued *first, **last = &first;
static int synchronized_calls;
static _Thread_local void *contexts[8];
static _Thread_local int depth;

static int fails(const char *name) {
    const char *which = getenv("STAND_IN_CUDA_FAILS");
    return which && strcmp(which, name) == 0;
}

static int inside(uint64_t at, size_t bytes) {
    return device && at >= (uintptr_t)device && at + bytes <= (uintptr_t)device + used;
}

int cuCtxGetCurrent(void **context) {
    if (fails("cuCtxGetCurrent")) return FAILED;
    *context = depth ? contexts[depth - 1] : NULL;
    return OK;
}

int cuCtxPushCurrent_v2(void *context) {
    if (fails("cuCtxPushCurrent_v2")) return FAILED;
    if (context != (void *)(uintptr_t)CONTEXT || depth == 8) return INVALID_CONTEXT;
    contexts[depth++] = context;
    return OK;
}

int cuCtxPopCurrent_v2(void **context) {
    if (!depth) return INVALID_CONTEXT;
    *context = contexts[--depth];
    return OK;
}

int cuPointerGetAttribute(void *data, int attribute, uint64_t at) {
    if (fails("cuPointerGetAttribute")) return FAILED;
    if (attribute != CONTEXT_OF || !inside(at, 1)) return INVALID_VALUE;
    *(void **)data = (void *)(uintptr_t)CONTEXT;
    return OK;
}

int cuMemAlloc_v2(uint64_t *at, size_t bytes) {
    pthread_mutex_lock(&lock);
    if (!device) {
        device = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        behind = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    size_t rounded = (bytes + 255) & ~(size_t)255;
    int answer = device == MAP_FAILED || behind == MAP_FAILED || used + rounded > SIZE ? OUT_OF_MEMORY : OK;
    if (answer == OK) {
        *at = (uintptr_t)device + used;
        memset(behind + used, 0x7E, rounded);
        used += rounded;
    }
    pthread_mutex_unlock(&lock);
    return answer;
}

int cuMemcpy2DAsync_v2(const copy2d *c, void *stream) {
    (void)stream;
    if (fails("cuMemcpy2DAsync_v2")) return FAILED;
    if (!depth) return INVALID_CONTEXT;
    if (c->source_type != HOST || c->target_type != DEVICE || c->source_x || c->source_y || c->target_x || c->target_y) return INVALID_VALUE;
    if (!c->width || !c->height || c->source_pitch < c->width || c->target_pitch < c->width) return INVALID_VALUE;
    if (!inside(c->target_device, (c->height - 1) * c->target_pitch + c->width)) return INVALID_VALUE;
    struct queued *q = malloc(sizeof *q + c->width * c->height);
    if (!q) return OUT_OF_MEMORY;
    *q = (struct queued){NULL, c->target_device, c->target_pitch, c->width, c->height};
    for (size_t y = 0; y < c->height; y++)
        memcpy(q->bytes + y * c->width, (const char *)c->source + y * c->source_pitch, c->width);
    pthread_mutex_lock(&lock);
    *last = q;
    last = &q->next;
    pthread_mutex_unlock(&lock);
    return OK;
}

static void drain(void) {
    pthread_mutex_lock(&lock);
    while (first) {
        struct queued *q = first;
        for (size_t y = 0; y < q->height; y++)
            memcpy(behind + (q->to - (uintptr_t)device) + y * q->pitch, q->bytes + y * q->width, q->width);
        first = q->next;
        free(q);
    }
    last = &first;
    pthread_mutex_unlock(&lock);
}

int cuStreamSynchronize(void *stream) {
    (void)stream;
    if (fails("cuStreamSynchronize")) return FAILED;
    if (!depth) return INVALID_CONTEXT;
    __atomic_add_fetch(&synchronized_calls, 1, __ATOMIC_SEQ_CST);
    drain();
    return OK;
}

/* Not of the driver, for the tests: the bytes on the device now, without or with what is queued; and how often somebody waited. */
int stand_in_read(char *to, uint64_t from, size_t bytes, int finish) {
    if (!inside(from, bytes)) return INVALID_VALUE;
    if (finish) drain();
    memcpy(to, behind + (from - (uintptr_t)device), bytes);
    return OK;
}

int stand_in_waits(void) {
    return __atomic_load_n(&synchronized_calls, __ATOMIC_SEQ_CST);
}
