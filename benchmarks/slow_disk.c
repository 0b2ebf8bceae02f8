/* A slow disk for one program: each sync takes longer, the more bytes it has to write.
 *
 *   cc -shared -fPIC -O2 -DSYNC_NANOSECONDS=5000000 -DBYTE_NANOSECONDS=10 -o slow_disk.so slow_disk.c
 *   LD_PRELOAD=./slow_disk.so program
 *
 * fsync and fdatasync sleep for SYNC_NANOSECONDS, and for BYTE_NANOSECONDS for each byte that was
 * written through the descriptor since its last sync. What is never synced costs nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 1024
static long long written[DESCRIPTORS];

static ssize_t count(int fd, ssize_t bytes) {
  if (bytes > 0 && fd >= 0 && fd < DESCRIPTORS) __sync_fetch_and_add(&written[fd], bytes);
  return bytes;
}

static void wait_for_disk(int fd) {
  long long bytes = fd >= 0 && fd < DESCRIPTORS ? __sync_fetch_and_and(&written[fd], 0) : 0;
  long long ns = SYNC_NANOSECONDS + bytes * BYTE_NANOSECONDS;
  struct timespec left = {ns / 1000000000, ns % 1000000000};
  while (nanosleep(&left, &left) != 0);
}

#define ORIGINAL(name, result, ...) \
  static result (*original)(__VA_ARGS__); \
  if (!original) original = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *data, size_t size) {
  ORIGINAL("write", ssize_t, int, const void *, size_t);
  return count(fd, original(fd, data, size));
}

ssize_t writev(int fd, const struct iovec *pieces, int many) {
  ORIGINAL("writev", ssize_t, int, const struct iovec *, int);
  return count(fd, original(fd, pieces, many));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  ORIGINAL("pwrite", ssize_t, int, const void *, size_t, off_t);
  return count(fd, original(fd, data, size, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  ORIGINAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
  return count(fd, original(fd, data, size, at));
}

int fsync(int fd) {
  ORIGINAL("fsync", int, int);
  wait_for_disk(fd);
  return original(fd);
}

int fdatasync(int fd) {
  ORIGINAL("fdatasync", int, int);
  wait_for_disk(fd);
  return original(fd);
}

int close(int fd) {
  ORIGINAL("close", int, int);
  if (fd >= 0 && fd < DESCRIPTORS) __sync_fetch_and_and(&written[fd], 0);
  return original(fd);
}
