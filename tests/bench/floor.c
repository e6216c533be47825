/*
 * floor SYSFS MODE [REPEAT [LIMIT]]
 *
 * What the system calls alone cost: the least CPU time in which anybody reads these facts by opening,
 * reading and closing attributes. Prints one line of JSON.
 *
 * Snapshots
 *   full       every function: 14 attributes and 3 links, a PF or port 16 attributes more; mdevs with
 *              their links, types with their attributes, groups with their type
 *   lean       uevent, 3 changing attributes and 3 links a function, sriov_* of a PF; mdevs
 *   relations  3 links a function, no attribute
 * Ticks
 *   reopen     3 changing attributes of each function (of LIMIT functions), opened anew each time
 *   pread      the same through descriptors that stay open
 *   netstat    24 counters of each network interface, opened anew each time
 *   netpread   the same through descriptors that stay open
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))
#define MAX_REPEAT 1000

static const char *const COMMON[] = {
	"vendor", "device", "subsystem_vendor", "subsystem_device", "class", "revision", "irq",
	"numa_node", "local_cpulist", "driver_override", "enable", "power_state",
	"current_link_speed", "current_link_width",
};
static const char *const SRIOV[] = {
	"sriov_totalvfs", "sriov_numvfs", "sriov_offset", "sriov_stride", "sriov_vf_device",
	"sriov_drivers_autoprobe", "sriov_vf_total_msix",
};
static const char *const PHYSICAL[] = {
	"max_link_speed", "max_link_width", "modalias", "reset_method", "resource", "msi_bus",
	"aer_dev_correctable", "aer_dev_nonfatal", "aer_dev_fatal",
};
static const char *const CHANGING[] = { "enable", "power_state", "driver_override" };
static const char *const TYPE[] = { "available_instances", "name", "description", "device_api" };
static const char *const COUNTERS[] = {
	"rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "collisions", "multicast", "rx_compressed",
	"rx_crc_errors", "rx_dropped", "rx_errors", "rx_fifo_errors", "rx_frame_errors",
	"rx_length_errors", "rx_missed_errors", "rx_nohandler", "rx_over_errors", "tx_aborted_errors",
	"tx_carrier_errors", "tx_compressed", "tx_dropped", "tx_errors", "tx_fifo_errors",
	"tx_heartbeat_errors", "tx_window_errors",
};

struct name {
	char text[64];
};

static char buffer[1 << 16];
static const char *root;
static long syscalls, attributes, devices;
static int *kept;
static int kept_count;

static int open_below(const char *path, int flags)
{
	char full[4200];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	syscalls++;
	return open(full, flags);
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
		syscalls++;
	}
}

/* Names in a directory, in the kernel's order; the caller frees them. */
static int list(const char *path, struct name **names)
{
	static char entries[1 << 18];
	int count = 0, capacity = 0;
	int fd = open_below(path, O_RDONLY | O_DIRECTORY);
	long length;

	*names = NULL;
	if (fd < 0)
		return 0;
	while (syscalls++, (length = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < length;) {
			struct dirent64 *entry = (void *)(entries + at);

			at += entry->d_reclen;
			if (entry->d_name[0] == '.')
				continue;
			if (count == capacity) {
				capacity = capacity ? capacity * 2 : 256;
				*names = realloc(*names, capacity * sizeof(**names));
				if (!*names)
					abort();
			}
			snprintf((*names)[count++].text, sizeof(**names), "%.63s", entry->d_name);
		}
	}
	close_fd(fd);
	return count;
}

static int read_attribute(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY);
	int length;

	syscalls++;
	if (fd < 0)
		return -1;
	length = read(fd, buffer, 4096);
	syscalls++;
	close_fd(fd);
	attributes++;
	return length;
}

static void read_attributes(int directory, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		read_attribute(directory, names[i]);
}

static int read_link(int directory, const char *name)
{
	syscalls++;
	attributes++;
	return readlinkat(directory, name, buffer, 4096);
}

static void read_groups(void)
{
	struct name *names;
	int count = list("kernel/iommu_groups", &names);
	int directory = open_below("kernel/iommu_groups", O_PATH | O_DIRECTORY);
	char path[128];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/type", names[i].text);
		read_attribute(directory, path);
	}
	close_fd(directory);
	free(names);
}

static void read_mdevs(void)
{
	static const char *const links[] = { "mdev_type", "iommu_group", "driver" };
	struct name *names;
	int count = list("bus/mdev/devices", &names);
	int directory = open_below("bus/mdev/devices", O_PATH | O_DIRECTORY);
	char path[128];

	for (int i = 0; i < count; i++) {
		devices++;
		for (int k = 0; k < COUNT(links); k++) {
			snprintf(path, sizeof(path), "%s/%s", names[i].text, links[k]);
			read_link(directory, path);
		}
		read_link(directory, names[i].text);
	}
	close_fd(directory);
	free(names);
}

static void read_types(int attributes_each)
{
	struct name *parents, *types;
	int count = list("class/mdev_bus", &parents);
	char path[256];

	for (int i = 0; i < count; i++) {
		int type_count, directory;

		snprintf(path, sizeof(path), "class/mdev_bus/%s/mdev_supported_types", parents[i].text);
		type_count = list(path, &types);
		directory = open_below(path, O_PATH | O_DIRECTORY);
		for (int j = 0; j < type_count; j++) {
			for (int k = 0; k < attributes_each; k++) {
				snprintf(path, sizeof(path), "%s/%s", types[j].text, TYPE[k]);
				read_attribute(directory, path);
			}
		}
		close_fd(directory);
		free(types);
	}
	free(parents);
}

enum depth { RELATIONS, LEAN, FULL };

static void read_function(int directory, enum depth depth)
{
	int vf = read_link(directory, "physfn") > 0;

	read_link(directory, "driver");
	read_link(directory, "iommu_group");
	if (depth == FULL)
		read_attributes(directory, COMMON, COUNT(COMMON));
	if (depth == LEAN) {
		read_attribute(directory, "uevent");
		read_attributes(directory, CHANGING, COUNT(CHANGING));
	}
	if (depth == RELATIONS || vf)
		return;
	if (read_attribute(directory, SRIOV[0]) >= 0)
		read_attributes(directory, SRIOV + 1, COUNT(SRIOV) - 1);
	if (depth == FULL)
		read_attributes(directory, PHYSICAL, COUNT(PHYSICAL));
}

static void snapshot(enum depth depth)
{
	struct name *names;
	int count = list("bus/pci/devices", &names);
	int base = open_below("bus/pci/devices", O_PATH | O_DIRECTORY);

	for (int i = 0; i < count; i++) {
		int directory = openat(base, names[i].text, O_PATH | O_DIRECTORY);

		syscalls++;
		devices++;
		read_function(directory, depth);
		close_fd(directory);
	}
	close_fd(base);
	free(names);
	if (depth == FULL)
		read_groups();
	read_mdevs();
	read_types(depth == FULL ? COUNT(TYPE) : 1);
}

static void tick(const char *base_path, const char *below, const char *const *names, int count, int limit)
{
	struct name *entries;
	int entry_count = list(base_path, &entries);
	int base = open_below(base_path, O_PATH | O_DIRECTORY);
	char path[128];

	for (int i = 0; i < entry_count && (!limit || i < limit); i++) {
		int directory;

		snprintf(path, sizeof(path), "%s%s", entries[i].text, below);
		directory = openat(base, path, O_PATH | O_DIRECTORY);
		syscalls++;
		devices++;
		if (directory < 0)
			continue;
		read_attributes(directory, names, count);
		close_fd(directory);
	}
	close_fd(base);
	free(entries);
}

static void keep(const char *base_path, const char *below, const char *const *names, int count)
{
	struct rlimit limit;
	struct name *entries;
	int entry_count = list(base_path, &entries);
	int base = open_below(base_path, O_PATH | O_DIRECTORY);
	char path[192];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	kept = malloc(sizeof(*kept) * entry_count * count + 1);
	if (!kept)
		abort();
	for (int i = 0; i < entry_count; i++) {
		for (int k = 0; k < count; k++) {
			int fd;

			snprintf(path, sizeof(path), "%s%s/%s", entries[i].text, below, names[k]);
			fd = openat(base, path, O_RDONLY);
			if (fd >= 0)
				kept[kept_count++] = fd;
		}
	}
	close(base);
	free(entries);
}

static void tick_kept(void)
{
	for (int i = 0; i < kept_count; i++) {
		attributes += pread(kept[i], buffer, 4096, 0) >= 0;
		syscalls++;
	}
}

static int pass(const char *mode, int limit)
{
	if (!strcmp(mode, "full"))
		snapshot(FULL);
	else if (!strcmp(mode, "lean"))
		snapshot(LEAN);
	else if (!strcmp(mode, "relations"))
		snapshot(RELATIONS);
	else if (!strcmp(mode, "reopen"))
		tick("bus/pci/devices", "", CHANGING, COUNT(CHANGING), limit);
	else if (!strcmp(mode, "netstat"))
		tick("class/net", "/statistics", COUNTERS, COUNT(COUNTERS), limit);
	else if (!strcmp(mode, "pread") || !strcmp(mode, "netpread"))
		tick_kept();
	else
		return -1;
	return 0;
}

static double cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	static double walls[MAX_REPEAT], cpus[MAX_REPEAT];
	int repeat = argc > 3 ? atoi(argv[3]) : 1;
	int limit = argc > 4 ? atoi(argv[4]) : 0;

	if (argc < 3 || repeat < 1 || repeat > MAX_REPEAT) {
		fprintf(stderr, "floor SYSFS MODE [REPEAT [LIMIT]]\n");
		return 2;
	}
	root = argv[1];
	if (!strcmp(argv[2], "pread"))
		keep("bus/pci/devices", "", CHANGING, COUNT(CHANGING));
	if (!strcmp(argv[2], "netpread"))
		keep("class/net", "/statistics", COUNTERS, COUNT(COUNTERS));
	for (int i = 0; i < repeat; i++) {
		double wall = now_ms(), cpu = cpu_ms();

		syscalls = attributes = devices = 0;
		if (pass(argv[2], limit) < 0) {
			fprintf(stderr, "floor: no mode %s\n", argv[2]);
			return 2;
		}
		walls[i] = now_ms() - wall;
		cpus[i] = cpu_ms() - cpu;
	}
	qsort(walls, repeat, sizeof(*walls), ascending);
	qsort(cpus, repeat, sizeof(*cpus), ascending);
	printf("{\"mode\":\"%s\",\"devices\":%ld,\"attributes\":%ld,\"syscalls\":%ld,\"wall_ms\":%.4f,\"cpu_ms\":%.4f}\n",
	       argv[2], devices, attributes, syscalls, walls[repeat / 2], cpus[repeat / 2]);
	return 0;
}
