/* Record, in their order, the calls of a program that change files and names below one folder.

   POWER_ROOT is the folder and POWER_LOG the log, which tests/power/recording.py reads. A step of the log is a header and
   one or two byte strings: paths relative to the folder, or written bytes. Each step is a single append, so several
   processes can share a log. A call is logged after its return, under a lock: the order of the log is the order of the
   effects.

   A call without a replay (fallocate, a writable shared mapping, ...) is logged as '?', and the replay refuses the log.
   SQLite's -shm file is left out: recovery makes the file anew. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 65536

struct header {
    uint64_t inode;
    int64_t offset;
    uint32_t first, second;
    uint32_t kind;
    uint32_t padding;
};

static char root[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static unsigned char watched[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("POWER_ROOT"), *log = getenv("POWER_LOG");
    if (!folder || !log || strlen(folder) >= sizeof root)
        return;
    strcpy(root, folder);
    root_length = strlen(root);
    int opened = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (opened < 0)
        return;
    log_file = fcntl(opened, F_DUPFD_CLOEXEC, 1000);
    if (log_file < 0)
        log_file = opened;
    else
        syscall(SYS_close, opened);
}

static void note(char kind, uint64_t inode, int64_t offset, const void *first, size_t length, const char *second) {
    struct header header = {inode, offset, length, second ? strlen(second) : 0, kind, 0};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)first, length}, {(void *)second, header.second}};
    size_t whole = sizeof header + length + header.second;
    if (syscall(SYS_writev, log_file, parts, 3) != (ssize_t)whole) {
        static const char words[] = "the recorder of writes cannot write its log\n";
        syscall(SYS_write, 2, words, sizeof words - 1);
        abort();
    }
}

/* Write the path below the root to `inside`. Return 0 for a path elsewhere, or of a -shm file. */
static int is_inside(int folder, const char *path, char *inside) {
    char whole[2 * PATH_MAX];
    if (log_file < 0)
        return 0;
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        char base[PATH_MAX], link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(folder == AT_FDCWD ? "/proc/self/cwd" : link, base, sizeof base - 1);
        if (length < 0)
            return 0;
        base[length] = 0;
        snprintf(whole, sizeof whole, "%s/%s", base, path);
    }
    if (strncmp(whole, root, root_length) || (whole[root_length] && whole[root_length] != '/'))
        return 0;
    size_t length = strlen(whole);
    if (length > 4 && !strcmp(whole + length - 4, "-shm"))
        return 0;
    snprintf(inside, PATH_MAX, "%s", whole[root_length] ? whole + root_length + 1 : "");
    return 1;
}

static int is_watched(int file) { return log_file >= 0 && file >= 0 && file < FILES && watched[file]; }

static uint64_t inode_of(int file) {
    struct stat about;
    return fstat(file, &about) ? 0 : about.st_ino;
}

static uint64_t inode_at(int folder, const char *path) {
    struct stat about;
    return fstatat(folder, path, &about, AT_SYMLINK_NOFOLLOW) ? 0 : about.st_ino;
}

#define LOCKED pthread_mutex_lock(&lock)
#define UNLOCKED                  \
    do {                          \
        int kept = errno;         \
        pthread_mutex_unlock(&lock); \
        errno = kept;             \
    } while (0)

/* ---- opening and closing */

static int open_any(int folder, const char *path, int flags, mode_t mode) {
    char inside[PATH_MAX];
    if (!is_inside(folder, path, inside))
        return syscall(SYS_openat, folder, path, flags, mode);
    LOCKED;
    int is_new = (flags & O_CREAT) && !inode_at(folder, path);
    int file = syscall(SYS_openat, folder, path, flags, mode);
    if (file >= 0 && file < FILES) {
        watched[file] = 1;
        if (is_new)
            note('c', inode_of(file), 0, inside, strlen(inside), NULL);
        else if (flags & O_TRUNC)
            note('t', inode_of(file), 0, NULL, 0, NULL);
    }
    UNLOCKED;
    return file;
}

#define MODE                           \
    mode_t mode = 0;                   \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest;                  \
        va_start(rest, flags);         \
        mode = va_arg(rest, mode_t);   \
        va_end(rest);                  \
    }

int open(const char *path, int flags, ...) { MODE return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_any(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return open_any(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return open_any(folder, path, flags | O_LARGEFILE, mode); }
int __open_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags | O_LARGEFILE, 0); }
int __openat_2(int folder, const char *path, int flags) { return open_any(folder, path, flags, 0); }
int __openat64_2(int folder, const char *path, int flags) { return open_any(folder, path, flags | O_LARGEFILE, 0); }
int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int file) {
    if (log_file >= 0 && file == log_file)
        return 0;
    if (file >= 0 && file < FILES)
        watched[file] = 0;
    return syscall(SYS_close, file);
}

/* ---- contents */

static int64_t place_of(int file) {
    if (fcntl(file, F_GETFL) & O_APPEND) {
        struct stat about;
        return fstat(file, &about) ? -1 : about.st_size;
    }
    return lseek(file, 0, SEEK_CUR);
}

ssize_t write(int file, const void *bytes, size_t length) {
    if (!is_watched(file))
        return syscall(SYS_write, file, bytes, length);
    LOCKED;
    int64_t offset = place_of(file);
    ssize_t written = syscall(SYS_write, file, bytes, length);
    if (written > 0)
        note('w', inode_of(file), offset, bytes, written, NULL);
    UNLOCKED;
    return written;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    if (!is_watched(file))
        return syscall(SYS_pwrite64, file, bytes, length, offset);
    LOCKED;
    ssize_t written = syscall(SYS_pwrite64, file, bytes, length, offset);
    if (written > 0)
        note('w', inode_of(file), offset, bytes, written, NULL);
    UNLOCKED;
    return written;
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) { return pwrite64(file, bytes, length, offset); }

static ssize_t write_parts(int file, const struct iovec *parts, int count, int64_t offset) {
    ssize_t all = 0;
    for (int number = 0; number < count; number++) {
        ssize_t written = offset < 0 ? write(file, parts[number].iov_base, parts[number].iov_len)
                                     : pwrite64(file, parts[number].iov_base, parts[number].iov_len, offset + all);
        if (written < 0)
            return all ? all : written;
        all += written;
        if ((size_t)written < parts[number].iov_len)
            break;
    }
    return all;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    return is_watched(file) ? write_parts(file, parts, count, -1) : syscall(SYS_writev, file, parts, count);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) {
    return is_watched(file) ? write_parts(file, parts, count, offset) : REAL(pwritev64)(file, parts, count, offset);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) { return pwritev64(file, parts, count, offset); }

int ftruncate64(int file, off64_t size) {
    if (!is_watched(file))
        return syscall(SYS_ftruncate, file, size);
    LOCKED;
    int done = syscall(SYS_ftruncate, file, size);
    if (!done)
        note('t', inode_of(file), size, NULL, 0, NULL);
    UNLOCKED;
    return done;
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int truncate64(const char *path, off64_t size) {
    char inside[PATH_MAX];
    int is_ours = is_inside(AT_FDCWD, path, inside);
    LOCKED;
    int done = syscall(SYS_truncate, path, size);
    if (!done && is_ours)
        note('t', inode_at(AT_FDCWD, path), size, NULL, 0, NULL);
    UNLOCKED;
    return done;
}

int truncate(const char *path, off_t size) { return truncate64(path, size); }

static int sync_any(long call, int file) {
    if (!is_watched(file))
        return syscall(call, file);
    LOCKED;
    int done = syscall(call, file);
    if (!done)
        note('s', inode_of(file), 0, NULL, 0, NULL);
    UNLOCKED;
    return done;
}

int fsync(int file) { return sync_any(SYS_fsync, file); }
int fdatasync(int file) { return sync_any(SYS_fdatasync, file); }

/* ---- names */

int renameat2(int from, const char *old, int to, const char *new, unsigned int flags) {
    char old_inside[PATH_MAX], new_inside[PATH_MAX];
    int out = is_inside(from, old, old_inside), in = is_inside(to, new, new_inside);
    LOCKED;
    int done = syscall(SYS_renameat2, from, old, to, new, flags);
    if (!done && out && in && !flags)
        note('r', inode_at(to, new), 0, old_inside, strlen(old_inside), new_inside);
    else if (!done && (out || in))
        note('?', 0, 0, "a rename into or out of the folder", 34, NULL);
    UNLOCKED;
    return done;
}

int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
    char inside[PATH_MAX];
    int in = is_inside(to, new, inside);
    LOCKED;
    int done = syscall(SYS_linkat, from, old, to, new, flags);
    if (!done && in)
        note('l', inode_at(to, new), 0, inside, strlen(inside), NULL);
    UNLOCKED;
    return done;
}

int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int folder, const char *path, int flags) {
    char inside[PATH_MAX];
    int is_ours = is_inside(folder, path, inside);
    LOCKED;
    int done = syscall(SYS_unlinkat, folder, path, flags);
    if (!done && is_ours)
        note('u', 0, 0, inside, strlen(inside), NULL);
    UNLOCKED;
    return done;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
    char inside[PATH_MAX];
    int is_ours = is_inside(folder, path, inside);
    LOCKED;
    int done = syscall(SYS_mkdirat, folder, path, mode);
    if (!done && is_ours)
        note('d', inode_at(folder, path), 0, inside, strlen(inside), NULL);
    UNLOCKED;
    return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* ---- calls without a replay */

#define UNKNOWN(name)                                        \
    do {                                                     \
        LOCKED;                                              \
        note('?', 0, 0, name, sizeof name - 1, NULL);        \
        UNLOCKED;                                            \
    } while (0)

int fallocate64(int file, int how, off64_t offset, off64_t length) {
    if (is_watched(file))
        UNKNOWN("fallocate");
    return syscall(SYS_fallocate, file, how, offset, length);
}

int fallocate(int file, int how, off_t offset, off_t length) { return fallocate64(file, how, offset, length); }

int posix_fallocate64(int file, off64_t offset, off64_t length) {
    return fallocate64(file, 0, offset, length) ? errno : 0;
}

int posix_fallocate(int file, off_t offset, off_t length) { return posix_fallocate64(file, offset, length); }

/* Python's copy of a file then goes on by read and write, which are logged. */

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    if (!is_watched(to))
        return syscall(SYS_sendfile, to, from, offset, length);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length, unsigned int flags) {
    if (!is_watched(to))
        return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, length, flags);
    errno = ENOSYS;
    return -1;
}

void *mmap64(void *address, size_t length, int rights, int flags, int file, off64_t offset) {
    if ((rights & PROT_WRITE) && (flags & MAP_SHARED) && is_watched(file))
        UNKNOWN("a writable mapping");
    return (void *)syscall(SYS_mmap, address, length, rights, flags, file, offset);
}

void *mmap(void *address, size_t length, int rights, int flags, int file, off_t offset) {
    return mmap64(address, length, rights, flags, file, offset);
}
