/* A pool of threads: the caller of `run_blocks` and its helpers share the blocks of a job.

   Each has a share of neighbouring blocks, the same in every job of that many blocks, so that what one job left in the
   cache of a processor is there for the next; who is done with its own share goes on with those of others.

   A helper that has nothing to do looks for work for about a tenth of a millisecond before it sleeps, since kernels often
   follow each other closely and waking it takes 30 to 50 us. Who has not woken up by the time the caller is out of blocks is not waited for: the caller takes the
   tickets back that nobody has drawn. While another Python thread uses the pool, blocks run in the caller alone. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* affinity of threads */
#endif
#include "native.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MOST 64
#define LOOKS 4000  /* for work before a helper sleeps: about 20 us, */
#define YIELDS 300  /* and about 100 us in which it lets other threads go first, such as those of BLAS */

int native_threads = 1;

static struct {
    block_fn fn;
    void *context;
} job;
static struct {
    _Alignas(64) _Atomic isize next;
    isize stop;
} shares[MOST];
static int n_shares;
static atomic_int tickets;  /* helpers that may still join the job */
static atomic_int finished; /* helpers that have left it */
static atomic_int sleepers;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell = PTHREAD_COND_INITIALIZER;
static pthread_t threads[MOST];
static int helpers;
static int home = -1; /* the processor that helpers are kept off */

static void pause_a_little(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Who is the `me`-th begins with the `me`-th share. */
static void take_blocks(int me) {
    isize i;
    for (int k = 0; k < n_shares; k++) {
        int share = (me + k) % n_shares;
        while ((i = atomic_fetch_add(&shares[share].next, 1)) < shares[share].stop) job.fn(job.context, i);
    }
}

static void share_out(isize n_blocks, int parts) {
    n_shares = parts;
    for (int k = 0; k < parts; k++) {
        atomic_store(&shares[k].next, n_blocks * k / parts);
        shares[k].stop = n_blocks * (k + 1) / parts;
    }
}

static bool draw_ticket(void) {
    int left = atomic_load(&tickets);
    while (left > 0)
        if (atomic_compare_exchange_weak(&tickets, &left, left - 1)) return true;
    return false;
}

static void *help(void *number) {
    int me = (int)(intptr_t)number;
    for (;;) {
        bool joined = false;
        for (int i = 0; i < LOOKS && !(joined = draw_ticket()); i++) pause_a_little();
        for (int i = 0; i < YIELDS && !joined && !(joined = draw_ticket()); i++) sched_yield();
        if (!joined) {
            pthread_mutex_lock(&lock);
            atomic_fetch_add(&sleepers, 1);
            while (!(joined = draw_ticket())) pthread_cond_wait(&bell, &lock);
            atomic_fetch_sub(&sleepers, 1);
            pthread_mutex_unlock(&lock);
        }
        take_blocks(me);
        atomic_fetch_add(&finished, 1);
    }
    return NULL;
}

static void start_helpers(int wanted) {
    pthread_attr_t attributes;
    if (helpers >= wanted) return;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (helpers < wanted && pthread_create(&threads[helpers], &attributes, help, (void *)(intptr_t)(helpers + 1)) == 0)
        helpers++;
    pthread_attr_destroy(&attributes);
    home = -1;
}

#ifdef __linux__
/* Linux may wake a helper on the processor of the caller, where the two take turns until the scheduler notices it some
   milliseconds later. So helpers are kept off that processor; asked anew only when the caller has moved. */
static bool others_than(int here, cpu_set_t *others) {
    if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof *others, others)) return false;
    if (CPU_COUNT(others) > 1) CPU_CLR(here, others);
    return true;
}

static void keep_off_the_caller(void) {
    int here = sched_getcpu();
    cpu_set_t others;
    if (here == home || !others_than(here, &others)) return;
    home = here;
    for (int k = 0; k < helpers; k++) pthread_setaffinity_np(threads[k], sizeof others, &others);
}

/* The same for the threads of OpenBLAS, whose own function knows them by their numbers. */
static void keep_blas_off(int (*set_affinity)(int, size_t, cpu_set_t *), int count) {
    static int last_home = -1, last_count;
    int here = sched_getcpu();
    cpu_set_t others;
    if ((here == last_home && count == last_count) || !others_than(here, &others)) return;
    last_home = here, last_count = count;
    for (int k = 0; k < count - 1; k++) set_affinity(k, sizeof others, &others);
}

static PyObject *place_blas(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 2) return PyErr_Format(PyExc_TypeError, "place_blas(address, threads)");
    void *address = PyLong_AsVoidPtr(args[0]);
    long count = PyLong_AsLong(args[1]);
    if (PyErr_Occurred()) return NULL;
    if (address) keep_blas_off((int (*)(int, size_t, cpu_set_t *))address, (int)min_of(count, MOST));
    Py_RETURN_TRUE;
}
#else
static void keep_off_the_caller(void) {}
static PyObject *place_blas(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self, (void)args, (void)n;
    Py_RETURN_FALSE;
}
#endif

void run_blocks(block_fn fn, void *context, isize n_blocks) {
    int wanted = (int)min_of(min_of(native_threads, MOST), n_blocks) - 1;
    if (wanted < 1 || atomic_flag_test_and_set(&busy)) {
        for (isize i = 0; i < n_blocks; i++) fn(context, i);
        return;
    }
    start_helpers(wanted);
    keep_off_the_caller();
    wanted = (int)min_of(wanted, helpers);
    job.fn = fn, job.context = context;
    share_out(n_blocks, wanted + 1);
    atomic_store(&finished, 0);
    atomic_store(&tickets, wanted);
    if (atomic_load(&sleepers)) {
        pthread_mutex_lock(&lock);
        pthread_cond_broadcast(&bell);
        pthread_mutex_unlock(&lock);
    }
    take_blocks(0);
    int joined = wanted - atomic_exchange(&tickets, 0);
    for (int looks = 0; atomic_load(&finished) < joined; looks++) {
        pause_a_little();
        if (looks > LOOKS) sched_yield();
    }
    atomic_flag_clear(&busy);
}

/* A forked child has none of its parent's threads. */
static void forget_helpers(void) {
    helpers = 0;
    home = -1;
    atomic_store(&tickets, 0);
    atomic_store(&sleepers, 0);
    atomic_flag_clear(&busy);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&bell, NULL);
}

static PyObject *set_threads(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    (void)self;
    if (n != 1) return PyErr_Format(PyExc_TypeError, "set_threads(n)");
    long count = PyLong_AsLong(args[0]);
    if (count == -1 && PyErr_Occurred()) return NULL;
    native_threads = (int)max_of(1, min_of(count, MOST));
    static bool watched = false;
    if (!watched) watched = pthread_atfork(NULL, NULL, forget_helpers) == 0;
    Py_RETURN_NONE;
}

PyMethodDef pool_methods[] = {
    KERNEL(set_threads, "set_threads(n): how many threads a kernel may use."),
    KERNEL(place_blas, "place_blas(address, n): keeps OpenBLAS's n - 1 threads off this processor by its openblas_setaffinity."),
    {0},
};
