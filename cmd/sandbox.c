#define _GNU_SOURCE /* close_range, O_TMPFILE, AT_EMPTY_PATH */
#include "cmd/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Bytes of private writable memory in use: what RLIMIT_DATA counts. statm, field 6, is in pages. */
static uint64_t data_now(void)
{
	unsigned long pages[6] = {0};
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		/* The kernel's own numbers. NOLINTNEXTLINE(cert-err34-c) */
		if (fscanf(f, "%lu %lu %lu %lu %lu %lu", &pages[0], &pages[1], &pages[2], &pages[3],
			   &pages[4], &pages[5]) != 6)
			pages[5] = 0;
		(void)fclose(f);
	}
	return (uint64_t)pages[5] * (uint64_t)sysconf(_SC_PAGESIZE);
}

void sandbox_limits(uint64_t memory)
{
	struct rlimit none = {0, 0}, data;

	(void)setrlimit(RLIMIT_CORE, &none);
	/* RLIMIT_DATA, not RLIMIT_AS: it leaves out read-only mappings, and the artefact is one, of
	 * any size. */
	if (!SANITIZED) {
		data.rlim_cur = data.rlim_max = data_now() + memory;
		(void)setrlimit(RLIMIT_DATA, &data);
	}
	(void)prctl(PR_SET_DUMPABLE, 0);
}

void sandbox_close_others(const int *keep, size_t count)
{
	unsigned from = 3;

	for (;;) { /* up to the next one that stays */
		unsigned next = ~0u;

		for (size_t i = 0; i < count; i++)
			if (keep[i] >= (int)from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next == ~0u)
			break;
		if (next > from)
			(void)close_range(from, next - 1, 0);
		from = next + 1;
	}
	(void)close_range(from, ~0u, 0);
}

int sandbox_enter(void)
{
	/* Memory, time, waiting, and input and output on what is open. */
	static const int allowed[] = {
		SCMP_SYS(read),
		SCMP_SYS(write),
		SCMP_SYS(readv),
		SCMP_SYS(writev),
		SCMP_SYS(pread64),
		SCMP_SYS(pwrite64),
		SCMP_SYS(preadv),
		SCMP_SYS(pwritev),
		SCMP_SYS(lseek),
		SCMP_SYS(close),
		SCMP_SYS(fstat),
		SCMP_SYS(fstatfs),
		SCMP_SYS(dup),
		SCMP_SYS(fdatasync),
		SCMP_SYS(fsync),
		SCMP_SYS(ftruncate),
		SCMP_SYS(fallocate),
		SCMP_SYS(recvmsg),
		SCMP_SYS(sendmsg),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(brk),
		SCMP_SYS(munmap),
		SCMP_SYS(mremap),
		SCMP_SYS(madvise),
		SCMP_SYS(memfd_create),
		SCMP_SYS(futex),
		SCMP_SYS(sched_yield),
		SCMP_SYS(sched_getaffinity),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(clock_getres),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(time),
		SCMP_SYS(getpid),
		SCMP_SYS(gettid),
		SCMP_SYS(getuid),
		SCMP_SYS(geteuid),
		SCMP_SYS(getgid),
		SCMP_SYS(getegid),
		SCMP_SYS(getrandom),
		SCMP_SYS(getrusage),
		SCMP_SYS(times),
		SCMP_SYS(uname),
		SCMP_SYS(sysinfo),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(rt_sigaction),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(sigaltstack),
		SCMP_SYS(restart_syscall),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
		SCMP_SYS(set_robust_list),
		SCMP_SYS(rseq),
		SCMP_SYS(getcwd),
	};
	/* What libc and libraries try by habit and take a no for. */
	static const int refused[] = {
		SCMP_SYS(open),		 SCMP_SYS(openat),
		SCMP_SYS(openat2),	 SCMP_SYS(stat),
		SCMP_SYS(lstat),	 SCMP_SYS(access),
		SCMP_SYS(faccessat),	 SCMP_SYS(faccessat2),
		SCMP_SYS(readlink),	 SCMP_SYS(readlinkat),
		SCMP_SYS(statx),	 SCMP_SYS(statfs),
		SCMP_SYS(getdents64),	 SCMP_SYS(ioctl),
		SCMP_SYS(socket),	 SCMP_SYS(fadvise64),
		SCMP_SYS(unlink),	 SCMP_SYS(mkdir),
		SCMP_SYS(prctl),	 SCMP_SYS(prlimit64),
		SCMP_SYS(getrlimit),	 SCMP_SYS(clone),
		SCMP_SYS(clone3),	 SCMP_SYS(membarrier),
		SCMP_SYS(flock),	 SCMP_SYS(sched_setaffinity),
		SCMP_SYS(get_mempolicy),
	};
	scmp_filter_ctx filter;
	int status = 0;

	if (SANITIZED)
		return 0;
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter) {
		errno = ENOMEM;
		return -1;
	}
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE,
			       2); /* a tree of calls, not a list */
	for (size_t i = 0; !status && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !status && i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (refused[i] == SCMP_SYS(openat))
			continue;
		status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	}
	/* Temporary files without a name, for contents too large for memory, in a folder that is
	 * open. */
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
					  SCMP_A2_32(SCMP_CMP_MASKED_EQ, O_TMPFILE, O_TMPFILE));
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
					  SCMP_A2_32(SCMP_CMP_MASKED_EQ, O_TMPFILE, 0));
	if (!status) /* O_DIRECTORY alone is the other half of O_TMPFILE's two bits */
		status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
					  SCMP_A2_32(SCMP_CMP_MASKED_EQ, O_TMPFILE, O_DIRECTORY));
	/* fstat is newfstatat(fd, "", AT_EMPTY_PATH) in this libc. */
	if (!status)
		status = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
			SCMP_A3_32(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(newfstatat), 1,
					  SCMP_A3_32(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0));
	/* Memory that is data, never code. */
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
					  SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					  SCMP_A2_32(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Descriptors' flags and seals, not signals to their owners. */
	for (int i = 0; !status && i < 6; i++) {
		static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,
					       F_SETFD, F_GETFL,	 F_ADD_SEALS};

		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
					  SCMP_A1_32(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	}
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
					  SCMP_A1_32(SCMP_CMP_EQ, F_GET_SEALS));
	/* abort() signals itself. */
	if (!status)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
					  SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (!status)
		status = seccomp_load(filter);
	seccomp_release(filter);
	if (status) {
		errno = -status;
		return -1;
	}
	return 0;
}
