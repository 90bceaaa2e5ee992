/*
 * The durable bytes of a file, and the ranges that are not durable yet.
 *
 * Guarantees, also if the process is killed between any two system calls:
 *  - Bytes get into `content` only at a sync, or by a write through O_DSYNC.
 *  - A range is in `pending` before the real file changes, and leaves it after
 *    `content` has the new bytes. So a later sync, perhaps by another process,
 *    misses nothing.
 *  - A kill during a sync leaves a part of the pending ranges in `content`, in
 *    whole pages of the kernel's cache. The sync has not returned then, and a
 *    disk as well may write back any of these pages unasked.
 *
 *     pending/NUMBER:  header | range | range | range | ...
 *                               done ---^      only ever appended to
 */
#define _GNU_SOURCE
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COPY_BYTES 65536

struct change change_begin(const struct inode *inode, uint64_t offset, uint64_t length)
{
    struct range range = {offset, length, (uint32_t)getpid(), 1, 0};
    int fd = open_image("pending", inode->number, O_WRONLY | O_APPEND);
    write_all(fd, &range, sizeof range);
    return (struct change){fd, lseek(fd, 0, SEEK_CUR) - (off_t)sizeof range};
}

void change_end(const struct change *change)
{
    uint32_t closed = 0;
    int error = errno;
    if (change->pending < 0)
        return;
    /* In append mode pwrite appends, whatever its offset. */
    fcntl(change->pending, F_SETFL, 0);
    write_at(change->pending, &closed, sizeof closed,
             (uint64_t)change->slot + offsetof(struct range, open));
    syscall(SYS_close, change->pending);
    errno = error;
}

void image_mark_unseen(const struct inode *inode)
{
    uint64_t unseen = 1;
    int error = errno;
    int fd = open_image("pending", inode->number, O_WRONLY);
    write_at(fd, &unseen, sizeof unseen, offsetof(struct header, unseen));
    syscall(SYS_close, fd);
    errno = error;
}

void image_write_through(const struct inode *inode, const struct iovec *parts, int count,
                         uint64_t offset, uint64_t length)
{
    int error = errno;
    int pending = open_image("pending", inode->number, O_RDWR);
    /* A sync that read older bytes must not write them over these. */
    lock(pending);
    int content = open_image("content", inode->number, O_WRONLY);
    for (int i = 0; i < count && length > 0; i++) {
        uint64_t size = parts[i].iov_len < length ? parts[i].iov_len : length;
        write_at(content, parts[i].iov_base, size, offset);
        offset += size;
        length -= size;
    }
    syscall(SYS_close, content);
    unlock_and_close(pending);
    errno = error;
}

static uint64_t end_of(const struct range *range)
{
    return range->length > TO_THE_END - range->offset ? TO_THE_END : range->offset + range->length;
}

static void copy(int from, int to, uint64_t start, uint64_t end)
{
    char buffer[COPY_BYTES];
    while (start < end) {
        size_t wanted = end - start < sizeof buffer ? (size_t)(end - start) : sizeof buffer;
        ssize_t got = pread(from, buffer, wanted, (off_t)start);
        if (got < 0)
            give_up("read back", "a watched file");
        if (got == 0)
            return;
        write_at(to, buffer, (size_t)got, start);
        start += (uint64_t)got;
    }
}

/* Writes that follow one another are copied as one. */
static void copy_ranges(int from, int to, const struct range *ranges, size_t count)
{
    uint64_t start = 0, end = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t range_end = end_of(&ranges[i]);
        if (ranges[i].offset < start || ranges[i].offset > end) {
            copy(from, to, start, end);
            start = ranges[i].offset;
            end = range_end;
        } else if (range_end > end) {
            end = range_end;
        }
    }
    copy(from, to, start, end);
}

/*
 * A range whose real call may still run has to be copied once more by the next
 * sync. One that a dead process left open never gets any further.
 */
static size_t count_done(const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ranges[i].open && (kill((pid_t)ranges[i].process, 0) == 0 || errno != ESRCH))
            return i;
    return count;
}

static struct range *read_ranges(int pending, uint64_t done, size_t *count)
{
    struct stat status;
    if (fstat(pending, &status) != 0)
        give_up("look at", "the pending ranges");
    size_t size = (size_t)status.st_size - done;
    char *data = malloc(size + 1);
    if (data == NULL)
        give_up("keep", "the pending ranges");
    for (size_t got = 0; got < size;) {
        ssize_t more = pread(pending, data + got, size - got, (off_t)(done + got));
        if (more <= 0)
            give_up("read", "the pending ranges");
        got += (size_t)more;
    }
    *count = size / sizeof(struct range);
    return (struct range *)data;
}

/*
 * The descriptor itself serves if one can read through it. Opening the file
 * again means closing it again, which drops the process's fcntl locks on it.
 */
static int open_to_read(int fd)
{
    char path[32];
    int flags = fcntl(fd, F_GETFL);
    if ((flags & O_ACCMODE) != O_WRONLY && (flags & O_DIRECT) == 0)
        return fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open_or_give_up(path, O_RDONLY);
}

void image_sync_file(int fd, const struct inode *inode)
{
    struct header header;
    struct stat status;
    size_t count;
    int error = errno;
    int pending = open_image("pending", inode->number, O_RDWR);
    lock(pending);
    if (pread(pending, &header, sizeof header, 0) != sizeof header)
        give_up("read", "the pending ranges");
    struct range *ranges = read_ranges(pending, header.done, &count);
    size_t done = count_done(ranges, count);
    /* The size comes after the ranges: it counts in every write that is over. */
    if (fstat(fd, &status) != 0)
        give_up("look at", "a watched file");
    int from = open_to_read(fd);
    int to = open_image("content", inode->number, O_WRONLY);
    if (header.unseen)
        copy(from, to, 0, TO_THE_END);
    else
        copy_ranges(from, to, ranges, count);
    if (syscall(SYS_ftruncate, to, status.st_size) != 0)
        give_up("set the size of", "a file in the image");
    header.done += done * sizeof(struct range);
    write_at(pending, &header.done, sizeof header.done, offsetof(struct header, done));
    syscall(SYS_close, to);
    if (from != fd)
        syscall(SYS_close, from);
    free(ranges);
    unlock_and_close(pending);
    errno = error;
}
