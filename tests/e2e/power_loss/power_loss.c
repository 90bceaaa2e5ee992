/*
 * The calls of libc that change or sync files, seen on their way (LD_PRELOAD).
 *
 * Guarantees:
 *  - The real call always happens, and its effect, its result and errno are those
 *    that the process would have had without this library.
 *  - A change is noted before it happens. A sync is in the image before the call
 *    returns, and only if the real one succeeded.
 *
 * Not seen: io_uring, libaio, ioctl(FICLONE), raw system calls, and `sync` and
 * `syncfs`, which make nothing durable here. Names need no calls of their own:
 * a sync of the folder reads them.
 */
#define _GNU_SOURCE
#include "image.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT_THE_POSITION (-1)

static struct change change_of(int fd, uint64_t offset, uint64_t length)
{
    struct inode inode;
    return image_find(fd, &inode) ? change_begin(&inode, offset, length) : NO_CHANGE;
}

/* ---- write ---- */

static uint64_t length_of(const struct iovec *parts, int count)
{
    uint64_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    return length;
}

static ssize_t write_watched(int fd, const struct inode *inode, const struct iovec *parts,
                             int count, off_t offset, int flags)
{
    int mode = fcntl(fd, F_GETFL);
    bool appends = (mode & O_APPEND) || (flags & RWF_APPEND);
    bool at_position = offset == AT_THE_POSITION;
    uint64_t start = at_position ? (uint64_t)lseek(fd, 0, SEEK_CUR) : (uint64_t)offset;
    /* Others may append at the same time: the end is somewhere after this one. */
    struct change change = appends ? change_begin(inode, inode->size, TO_THE_END)
                                   : change_begin(inode, start, length_of(parts, count));
    ssize_t written = syscall(SYS_pwritev2, fd, parts, count, offset, 0L, flags);
    if (written > 0) {
        int error = errno;
        uint64_t end = start + (uint64_t)written;
        if (at_position) {
            end = (uint64_t)lseek(fd, 0, SEEK_CUR);
        } else if (appends) {
            struct inode now;
            end = image_find(fd, &now) ? now.size : end;
        }
        /* Another thread moved the shared position: the range was a wrong guess. */
        if (!appends && end != start + (uint64_t)written) {
            struct change all = change_begin(inode, 0, TO_THE_END);
            change_end(&all);
        }
        if ((mode & O_DSYNC) || (flags & (RWF_DSYNC | RWF_SYNC)))
            image_write_through(inode, parts, count, end - (uint64_t)written, (uint64_t)written);
        errno = error;
    }
    change_end(&change);
    return written;
}

ssize_t write(int fd, const void *data, size_t size)
{
    struct inode inode;
    struct iovec part = {(void *)data, size};
    if (!image_find(fd, &inode))
        return syscall(SYS_write, fd, data, size);
    return write_watched(fd, &inode, &part, 1, AT_THE_POSITION, 0);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    struct inode inode;
    struct iovec part = {(void *)data, size};
    if (offset < 0 || !image_find(fd, &inode))
        return syscall(SYS_pwrite64, fd, data, size, offset);
    return write_watched(fd, &inode, &part, 1, offset, 0);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct inode inode;
    if (count < 0 || !image_find(fd, &inode))
        return syscall(SYS_writev, fd, parts, count);
    return write_watched(fd, &inode, parts, count, AT_THE_POSITION, 0);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    struct inode inode;
    if (offset < 0 || count < 0 || !image_find(fd, &inode))
        return syscall(SYS_pwritev, fd, parts, count, offset, 0L);
    return write_watched(fd, &inode, parts, count, offset, 0);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    struct inode inode;
    if (offset < AT_THE_POSITION || count < 0 || !image_find(fd, &inode))
        return syscall(SYS_pwritev2, fd, parts, count, offset, 0L, flags);
    return write_watched(fd, &inode, parts, count, offset, flags);
}

/* ---- copies inside the kernel ---- */

/* Rare enough that all of the file may count as changed, or as synced. */
static ssize_t copied(int to, const struct change *change, ssize_t result)
{
    struct inode inode;
    change_end(change);
    if (result > 0 && image_find(to, &inode) && (fcntl(to, F_GETFL) & O_DSYNC))
        image_sync_file(to, &inode);
    return result;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
    struct change change = change_of(to, 0, TO_THE_END);
    return copied(to, &change, syscall(SYS_sendfile, to, from, offset, size));
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size,
                        unsigned flags)
{
    struct change change = change_of(to, 0, TO_THE_END);
    return copied(to, &change,
                  syscall(SYS_copy_file_range, from, from_offset, to, to_offset, size, flags));
}

ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size,
               unsigned flags)
{
    struct change change = change_of(to, 0, TO_THE_END);
    return copied(to, &change,
                  syscall(SYS_splice, from, from_offset, to, to_offset, size, flags));
}

/* ---- the size ---- */

int ftruncate(int fd, off_t size)
{
    struct change change = change_of(fd, (uint64_t)size, TO_THE_END);
    int result = (int)syscall(SYS_ftruncate, fd, size);
    change_end(&change);
    return result;
}

int truncate(const char *path, off_t size)
{
    struct inode inode;
    struct change change = NO_CHANGE;
    if (image_find_at(AT_FDCWD, path, &inode))
        change = change_begin(&inode, (uint64_t)size, TO_THE_END);
    int result = (int)syscall(SYS_truncate, path, size);
    change_end(&change);
    return result;
}

/* Some modes punch holes or shift bytes. posix_fallocate only adds zeros at the end. */
int fallocate(int fd, int mode, off_t offset, off_t size)
{
    struct change change = change_of(fd, (uint64_t)offset, TO_THE_END);
    int result = (int)syscall(SYS_fallocate, fd, mode, offset, size);
    change_end(&change);
    return result;
}

/* ---- open: only O_TRUNC changes anything ---- */

static int open_file(int folder, const char *path, int flags, mode_t mode)
{
    struct inode inode;
    struct change change = NO_CHANGE;
    if ((flags & O_TRUNC) && image_find_at(folder, path, &inode))
        change = change_begin(&inode, 0, TO_THE_END);
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    change_end(&change);
    return fd;
}

#define MODE_OF(flags, last)                                                                       \
    __extension__({                                                                                \
        mode_t mode = 0;                                                                           \
        if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) {                           \
            va_list arguments;                                                                     \
            va_start(arguments, last);                                                             \
            mode = (mode_t)va_arg(arguments, unsigned);                                            \
            va_end(arguments);                                                                     \
        }                                                                                          \
        mode;                                                                                      \
    })

int open(const char *path, int flags, ...)
{
    return open_file(AT_FDCWD, path, flags, MODE_OF(flags, flags));
}

int openat(int folder, const char *path, int flags, ...)
{
    return open_file(folder, path, flags, MODE_OF(flags, flags));
}

int creat(const char *path, mode_t mode)
{
    return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* Programs built with _FORTIFY_SOURCE call these where no mode is given. */
int __open_2(const char *path, int flags)
{
    return open_file(AT_FDCWD, path, flags, 0);
}

int __openat_2(int folder, const char *path, int flags)
{
    return open_file(folder, path, flags, 0);
}

/* ---- changes that no call tells: stdio and mapped memory ---- */

static FILE *noted(FILE *file, const char *mode)
{
    struct inode inode;
    if (file != NULL && strpbrk(mode, "wa+") != NULL && image_find(fileno(file), &inode))
        image_mark_unseen(&inode);
    return file;
}

FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    return noted(real(path, mode), mode);
}

FILE *fdopen(int fd, const char *mode)
{
    FILE *(*real)(int, const char *) = dlsym(RTLD_NEXT, "fdopen");
    return noted(real(fd, mode), mode);
}

FILE *freopen(const char *path, const char *mode, FILE *file)
{
    FILE *(*real)(const char *, const char *, FILE *) = dlsym(RTLD_NEXT, "freopen");
    return noted(real(path, mode, file), mode);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    struct inode inode;
    int sharing = flags & MAP_TYPE;
    if (fd >= 0 && (protection & PROT_WRITE) &&
        (sharing == MAP_SHARED || sharing == MAP_SHARED_VALIDATE) && image_find(fd, &inode))
        image_mark_unseen(&inode);
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

/* ---- sync ---- */

static int synced(int fd, int result)
{
    struct inode inode;
    if (result == 0 && image_find(fd, &inode)) {
        if (inode.is_folder)
            image_sync_folder(fd, &inode);
        else
            image_sync_file(fd, &inode);
    }
    return result;
}

int fsync(int fd)
{
    return synced(fd, (int)syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
    return synced(fd, (int)syscall(SYS_fdatasync, fd));
}

/* The file that is mapped at the address, or -1. Syncs all of it, not a part. */
static int open_mapped(uintptr_t address)
{
    char line[PATH_MAX + 100];
    int fd = -1;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fd < 0 && fgets(line, sizeof line, maps) != NULL) {
        char *path = strchr(line, '/');
        char *rest;
        uintptr_t start = strtoul(line, &rest, 16);
        uintptr_t end = strtoul(rest + 1, NULL, 16);
        if (path == NULL || address < start || address >= end)
            continue;
        path[strcspn(path, "\n")] = '\0';
        fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    }
    if (maps != NULL)
        fclose(maps);
    return fd;
}

int msync(void *address, size_t size, int flags)
{
    int result = (int)syscall(SYS_msync, address, size, flags);
    int error = errno;
    if (result == 0 && (flags & MS_SYNC)) {
        int fd = open_mapped((uintptr_t)address);
        if (fd >= 0) {
            synced(fd, 0);
            syscall(SYS_close, fd);
        }
    }
    errno = error;
    return result;
}

/* ---- the names for large files: the same calls on 64 bits ---- */

#define ALSO(name) __attribute__((alias(#name)))

ssize_t pwrite64(int, const void *, size_t, off64_t) ALSO(pwrite);
ssize_t pwritev64(int, const struct iovec *, int, off64_t) ALSO(pwritev);
ssize_t pwritev64v2(int, const struct iovec *, int, off64_t, int) ALSO(pwritev2);
ssize_t sendfile64(int, int, off64_t *, size_t) ALSO(sendfile);
int ftruncate64(int, off64_t) ALSO(ftruncate);
int truncate64(const char *, off64_t) ALSO(truncate);
int fallocate64(int, int, off64_t, off64_t) ALSO(fallocate);
int open64(const char *, int, ...) ALSO(open);
int openat64(int, const char *, int, ...) ALSO(openat);
int creat64(const char *, mode_t) ALSO(creat);
int __open64_2(const char *, int) ALSO(__open_2);
int __openat64_2(int, const char *, int) ALSO(__openat_2);
FILE *fopen64(const char *, const char *) ALSO(fopen);
FILE *freopen64(const char *, const char *, FILE *) ALSO(freopen);
void *mmap64(void *, size_t, int, int, int, off64_t) ALSO(mmap);
