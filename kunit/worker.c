// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that does one thing in the user's address space when it is told to:
 * what another thread of the user, or another part of the kernel, does at a
 * moment that the test chooses.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "vfio_pci_kunit.h"

/**
 * struct vpk_worker - a thread that runs a function once, when told to
 * @run: the function
 * @data: its argument
 * @mm: the user's address space; a reference is held on the struct only
 * @task: the thread, with a reference
 * @go: completed by vpk_worker_go()
 * @done: completed when @run has returned
 * @result: what @run has returned
 */
struct vpk_worker {
	long (*run)(void *data);
	void *data;
	struct mm_struct *mm;
	struct task_struct *task;
	struct completion go;
	struct completion done;
	long result;
};

static int vpk_worker_thread(void *data)
{
	struct vpk_worker *worker = data;

	allow_signal(SIGKILL);
	wait_for_completion(&worker->go);
	worker->result = -ESRCH;
	if (mmget_not_zero(worker->mm)) {
		kthread_use_mm(worker->mm);
		worker->result = worker->run(worker->data);
		kthread_unuse_mm(worker->mm);
		mmput(worker->mm);
	}
	complete_all(&worker->done);
	return 0;
}

static void vpk_worker_end(void *data)
{
	struct vpk_worker *worker = data;

	complete_all(&worker->go);
	wait_for_completion(&worker->done);
	put_task_struct(worker->task);
}

/**
 * vpk_worker_start() - make a thread that will run a function
 * @test: the test
 * @host: whose user address space it runs in
 * @run: the function
 * @data: its argument
 *
 * The page of user memory of @host is one for all: a worker and the test's
 * thread must not use it at the same time.
 *
 * Context: the test's thread. Runs, if it did not, and is waited for when the
 * test ends.
 * Return: the worker.
 */
struct vpk_worker *vpk_worker_start(struct kunit *test, struct vpk_host *host,
				    long (*run)(void *data), void *data)
{
	struct vpk_worker *worker;

	worker = kunit_kzalloc(test, sizeof(*worker), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, worker);
	worker->run = run;
	worker->data = data;
	worker->mm = host->mm;
	init_completion(&worker->go);
	init_completion(&worker->done);
	worker->task = kthread_create(vpk_worker_thread, worker, "vpk_worker");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, worker->task);
	get_task_struct(worker->task);
	wake_up_process(worker->task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vpk_worker_end,
							worker), 0);
	return worker;
}

/**
 * vpk_worker_urgent() - let a worker run before anything else
 * @worker: from vpk_worker_start()
 *
 * After vpk_worker_go() it preempts whoever called that, as soon as no spinlock is
 * held: needs CONFIG_PREEMPTION, or another CPU.
 *
 * Context: process context.
 */
void vpk_worker_urgent(struct vpk_worker *worker)
{
	sched_set_fifo(worker->task);
}

/**
 * vpk_worker_go() - let a worker run its function now
 * @worker: from vpk_worker_start()
 *
 * Context: any, also a config access callback.
 */
void vpk_worker_go(struct vpk_worker *worker)
{
	complete_all(&worker->go);
}

/**
 * vpk_worker_done() - has a worker's function returned
 * @worker: from vpk_worker_start()
 *
 * Context: any.
 * Return: false while it runs, is blocked or waits for vpk_worker_go().
 */
bool vpk_worker_done(struct vpk_worker *worker)
{
	return completion_done(&worker->done);
}

/**
 * vpk_worker_kill() - send SIGKILL to a worker, as to the user's process
 * @worker: from vpk_worker_start()
 *
 * Context: process context.
 */
void vpk_worker_kill(struct vpk_worker *worker)
{
	send_sig(SIGKILL, worker->task, 1);
}

/**
 * vpk_worker_wait() - wait for a worker, ten seconds at most
 * @worker: from vpk_worker_start()
 *
 * Context: the test's thread.
 * Return: what its function returned, -ETIMEDOUT when it is still blocked.
 */
long vpk_worker_wait(struct vpk_worker *worker)
{
	vpk_worker_go(worker);
	if (!wait_for_completion_timeout(&worker->done, 10 * HZ))
		return -ETIMEDOUT;
	return worker->result;
}
