/*
 * runmeas OUTPUT SECONDS COMMAND [ARGUMENT...]
 *
 * Runs a command once, its standard output to OUTPUT and its standard error to OUTPUT.err, ends its
 * process group after SECONDS, and prints one line of JSON. The parent is tiny, so that ru_maxrss, which a
 * child inherits across fork, is the command's own. CPU time covers all descendants that were waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;
static volatile sig_atomic_t timed_out;

static void on_alarm(int signal_number)
{
	(void)signal_number;
	timed_out = 1;
	kill(-child, SIGKILL);
}

static void redirect(const char *path, int flags, int target)
{
	int fd = open(path, flags, 0644);

	if (fd < 0 || dup2(fd, target) < 0) {
		perror(path);
		_exit(126);
	}
	close(fd);
}

static void run(char **argv)
{
	char errors[4096];

	setpgid(0, 0);
	snprintf(errors, sizeof(errors), "%s.err", argv[1]);
	redirect("/dev/null", O_RDONLY, 0);
	redirect(argv[1], O_CREAT | O_TRUNC | O_WRONLY, 1);
	redirect(errors, O_CREAT | O_TRUNC | O_WRONLY, 2);
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	_exit(127);
}

static double seconds(struct timeval t)
{
	return t.tv_sec + t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct timespec begin, end;
	struct rusage usage;
	int status;

	if (argc < 4) {
		fprintf(stderr, "runmeas OUTPUT SECONDS COMMAND [ARGUMENT...]\n");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (child == 0)
		run(argv);
	setpgid(child, child);
	sigaction(SIGALRM, &action, NULL);
	alarm(atoi(argv[2]));
	while (wait4(child, &status, 0, &usage) < 0)
		if (errno != EINTR)
			return 1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("{\"status\":%d,\"timed_out\":%s,\"wall\":%.6f,\"user\":%.6f,\"system\":%.6f,\"rss_kib\":%ld}\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), timed_out ? "true" : "false",
	       end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9, seconds(usage.ru_utime),
	       seconds(usage.ru_stime), usage.ru_maxrss);
	return 0;
}
