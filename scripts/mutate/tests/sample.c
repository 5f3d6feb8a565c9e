// SPDX-License-Identifier: GPL-2.0-only
/* For the self-test: what faults there are in this is in the file expected. */
#define guard(name) __attribute__((cleanup(unlock))) struct lock *scope_ =
#define true 1
#define for_each(i, n) for ((i) = 0; (i) < (n); (i)++)

struct lock { int held; };
void lock(struct lock *lock);
void unlock(void *lock);
int get(int where);
void put(int where);

int upstream(int a)
{
	return a < 1 ? a : get(a);
}

int added(struct lock *it, int a, int b)
{
	int i, ret = true;

	guard(lock)(it);
	if (a < b && !b)
		return -1;
	lock(it);
	put(a);
	for_each(i, b)
		ret += get(i);
	do {
		a--;
	} while (a >= b -
		 1);
	if (ret == 3)
		goto out;
out:
	unlock(it);
	return ret;
}
