#include "collectors/guard.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

struct guard_worker {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	void (*fn)(void *arg); /* NULL: nothing to do */
	void *arg;
	bool finished, quit;
};

static void *serve(void *data)
{
	struct guard_worker *w = data;

	pthread_mutex_lock(&w->lock);
	while (!w->quit) {
		if (!w->fn) {
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		w->fn(w->arg);
		pthread_mutex_lock(&w->lock);
		w->fn = NULL;
		w->finished = true;
		/* Not under the lock: who wakes would only wait for it. */
		pthread_mutex_unlock(&w->lock);
		pthread_cond_signal(&w->done);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	free(w);
	return NULL;
}

static struct guard_worker *start(void)
{
	struct guard_worker *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t monotonic;
	pthread_attr_t detached;
	pthread_t thread;

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->done, &monotonic);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 256 << 10);
	if (pthread_create(&thread, &detached, serve, w) != 0) {
		free(w);
		return NULL;
	}
	return w;
}

bool guard_call(struct guard *g, void (*fn)(void *arg), void *arg)
{
	struct guard_worker *w;
	struct timespec until;
	uint64_t limit; /* ms */
	bool finished;

	if (!g->worker)
		g->worker = start();
	w = g->worker;
	if (!w) {
		fn(arg); /* no threads to be had: without a limit is better than not at all */
		return true;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	limit = g->abandoned < 16 ? g->seconds * 1000ull >> g->abandoned : 0;
	limit = limit > 500 ? limit : 500;
	until.tv_sec += (time_t)(limit / 1000);
	until.tv_nsec += (long)(limit % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&w->lock);
	w->finished = false;
	w->fn = fn;
	w->arg = arg;
	pthread_mutex_unlock(&w->lock);
	pthread_cond_signal(&w->work);
	pthread_mutex_lock(&w->lock);
	while (!w->finished && pthread_cond_timedwait(&w->done, &w->lock, &until) != ETIMEDOUT)
		;
	finished = w->finished;
	if (!finished) {
		w->quit = true; /* should it ever come back, it ends itself */
		g->worker = NULL;
		g->abandoned++;
	}
	pthread_mutex_unlock(&w->lock);
	return finished;
}

void guard_done(struct guard *g)
{
	struct guard_worker *w = g->worker;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	g->worker = NULL;
}
