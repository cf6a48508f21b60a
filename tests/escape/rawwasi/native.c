/* Calls of WASI preview 1 with any arguments, for tests of the sandbox: what a C extension can do that Python's own calls do not.
 *
 * Each function returns what the call does, an errno (0: done), alone or in front of what it wrote.  Paths are bytes or texts with
 * their own length, so they may hold NULs; addresses are numbers, and may point anywhere.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int32_t

WASI(args_sizes_get) raw_args_sizes_get(int32_t *count, int32_t *size);
WASI(environ_sizes_get) raw_environ_sizes_get(int32_t *count, int32_t *size);
WASI(fd_allocate) raw_fd_allocate(int32_t fd, int64_t offset, int64_t length);
WASI(fd_close) raw_fd_close(int32_t fd);
WASI(fd_fdstat_set_flags) raw_fd_fdstat_set_flags(int32_t fd, int32_t flags);
WASI(fd_filestat_set_size) raw_fd_filestat_set_size(int32_t fd, int64_t size);
WASI(fd_prestat_dir_name) raw_fd_prestat_dir_name(int32_t fd, char *path, int32_t length);
WASI(fd_prestat_get) raw_fd_prestat_get(int32_t fd, void *prestat);
WASI(fd_read) raw_fd_read(int32_t fd, const void *vectors, int32_t count, int32_t *got);
WASI(fd_readdir) raw_fd_readdir(int32_t fd, void *buffer, int32_t length, int64_t cookie, int32_t *got);
WASI(fd_renumber) raw_fd_renumber(int32_t from, int32_t to);
WASI(fd_write) raw_fd_write(int32_t fd, const void *vectors, int32_t count, int32_t *got);
WASI(path_create_directory) raw_path_create_directory(int32_t fd, const char *path, int32_t length);
WASI(path_filestat_set_times)
raw_path_filestat_set_times(int32_t fd, int32_t follow, const char *path, int32_t length, int64_t access, int64_t change, int32_t which);
WASI(path_link)
raw_path_link(int32_t fd, int32_t follow, const char *path, int32_t length, int32_t to, const char *link, int32_t link_length);
WASI(path_open)
raw_path_open(
    int32_t fd, int32_t follow, const char *path, int32_t length, int32_t flags, int64_t rights, int64_t inherited, int32_t fd_flags,
    int32_t *opened);
WASI(path_remove_directory) raw_path_remove_directory(int32_t fd, const char *path, int32_t length);
WASI(path_rename) raw_path_rename(int32_t fd, const char *path, int32_t length, int32_t to, const char *name, int32_t name_length);
WASI(path_symlink) raw_path_symlink(const char *target, int32_t target_length, int32_t fd, const char *path, int32_t length);
WASI(path_unlink_file) raw_path_unlink_file(int32_t fd, const char *path, int32_t length);
WASI(poll_oneoff) raw_poll_oneoff(const void *subscriptions, void *events, int32_t count, int32_t *got);
WASI(random_get) raw_random_get(char *buffer, int32_t length);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn)) void raw_proc_exit(int32_t status);

/* What a vector of fd_read and fd_write holds. */
struct vector {
    uint32_t address, length;
};

enum { BUFFER = 4096, SUBSCRIPTION = 48, EVENT = 32, PAGE = 65536 };

/* A function of Python's that parses `format` into `given` and returns the errno that `call` does. */
#define ERRNO(name, format, declared, given, call) \
    static PyObject *name(PyObject *self, PyObject *arguments) { \
        declared; \
        if (!PyArg_ParseTuple(arguments, format, given)) return NULL; \
        return PyLong_FromLong(call); \
    }
#define AND ,

ERRNO(fd_allocate, "iLL", int32_t fd; int64_t offset AND length, &fd AND &offset AND &length, raw_fd_allocate(fd, offset, length))
ERRNO(fd_close, "i", int32_t fd, &fd, raw_fd_close(fd))
ERRNO(fd_set_flags, "ii", int32_t fd AND flags, &fd AND &flags, raw_fd_fdstat_set_flags(fd, flags))
ERRNO(fd_set_size, "iL", int32_t fd; int64_t size, &fd AND &size, raw_fd_filestat_set_size(fd, size))
ERRNO(fd_renumber, "ii", int32_t from AND to, &from AND &to, raw_fd_renumber(from, to))
ERRNO(random_get, "II", uint32_t address AND length, &address AND &length, raw_random_get((char *)(uintptr_t)address, length))

/* Calls that take a folder's descriptor and a path in it. */
#define ON_PATH(name) \
    ERRNO(name, "is#", int32_t fd; const char *path; Py_ssize_t length, &fd AND &path AND &length, raw_##name(fd, path, length))
ON_PATH(path_create_directory)
ON_PATH(path_remove_directory)
ON_PATH(path_unlink_file)

static PyObject *path_rename(PyObject *self, PyObject *arguments) {
    int32_t fd, to;
    const char *path, *name;
    Py_ssize_t length, name_length;
    if (!PyArg_ParseTuple(arguments, "is#is#", &fd, &path, &length, &to, &name, &name_length)) return NULL;
    return PyLong_FromLong(raw_path_rename(fd, path, length, to, name, name_length));
}

static PyObject *path_link(PyObject *self, PyObject *arguments) {
    int32_t fd, to, follow;
    const char *path, *link;
    Py_ssize_t length, link_length;
    if (!PyArg_ParseTuple(arguments, "iis#is#", &fd, &follow, &path, &length, &to, &link, &link_length)) return NULL;
    return PyLong_FromLong(raw_path_link(fd, follow, path, length, to, link, link_length));
}

static PyObject *path_symlink(PyObject *self, PyObject *arguments) {
    int32_t fd;
    const char *target, *path;
    Py_ssize_t target_length, length;
    if (!PyArg_ParseTuple(arguments, "s#is#", &target, &target_length, &fd, &path, &length)) return NULL;
    return PyLong_FromLong(raw_path_symlink(target, target_length, fd, path, length));
}

static PyObject *path_set_times(PyObject *self, PyObject *arguments) {
    int32_t fd, follow, which;
    const char *path;
    Py_ssize_t length;
    int64_t access, change;
    if (!PyArg_ParseTuple(arguments, "iis#LLi", &fd, &follow, &path, &length, &access, &change, &which)) return NULL;
    return PyLong_FromLong(raw_path_filestat_set_times(fd, follow, path, length, access, change, which));
}

static PyObject *path_open(PyObject *self, PyObject *arguments) {
    int32_t fd, follow, flags, fd_flags, opened = -1;
    int64_t rights;
    const char *path;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(arguments, "iis#iLi", &fd, &follow, &path, &length, &flags, &rights, &fd_flags)) return NULL;
    int32_t error = raw_path_open(fd, follow, path, length, flags, rights, rights, fd_flags, &opened);
    return Py_BuildValue("ii", error, opened);
}

static PyObject *fd_read(PyObject *self, PyObject *arguments) {
    int32_t fd, got = 0;
    char buffer[BUFFER];
    if (!PyArg_ParseTuple(arguments, "i", &fd)) return NULL;
    struct vector vector = {(uint32_t)(uintptr_t)buffer, BUFFER};
    int32_t error = raw_fd_read(fd, &vector, 1, &got);
    return Py_BuildValue("iy#", error, buffer, (Py_ssize_t)(error ? 0 : got));
}

static PyObject *fd_readdir(PyObject *self, PyObject *arguments) {
    int32_t fd, got = 0;
    char buffer[BUFFER];
    if (!PyArg_ParseTuple(arguments, "i", &fd)) return NULL;
    int32_t error = raw_fd_readdir(fd, buffer, BUFFER, 0, &got);
    return Py_BuildValue("iy#", error, buffer, (Py_ssize_t)(error ? 0 : got));
}

static PyObject *fd_write(PyObject *self, PyObject *arguments) {
    int32_t fd, got = 0;
    const char *data;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(arguments, "iy#", &fd, &data, &length)) return NULL;
    struct vector vector = {(uint32_t)(uintptr_t)data, length};
    return PyLong_FromLong(raw_fd_write(fd, &vector, 1, &got));
}

static PyObject *read_into(PyObject *self, PyObject *arguments) {
    int32_t fd, got = 0;
    struct vector vector;
    if (!PyArg_ParseTuple(arguments, "iII", &fd, &vector.address, &vector.length)) return NULL;
    int32_t error = raw_fd_read(fd, &vector, 1, &got);
    return Py_BuildValue("ii", error, got);
}

static PyObject *write_from(PyObject *self, PyObject *arguments) {
    int32_t fd, got = 0;
    struct vector vector;
    if (!PyArg_ParseTuple(arguments, "iII", &fd, &vector.address, &vector.length)) return NULL;
    int32_t error = raw_fd_write(fd, &vector, 1, &got);
    return Py_BuildValue("ii", error, got);
}

static PyObject *fd_prestat(PyObject *self, PyObject *arguments) {
    int32_t fd, prestat[2] = {0, 0};
    char path[BUFFER];
    if (!PyArg_ParseTuple(arguments, "i", &fd)) return NULL;
    int32_t error = raw_fd_prestat_get(fd, prestat);
    if (!error) error = prestat[1] > BUFFER ? -1 : raw_fd_prestat_dir_name(fd, path, prestat[1]);
    return Py_BuildValue("iy#", error, path, (Py_ssize_t)(error ? 0 : prestat[1]));
}

static PyObject *sizes(PyObject *self, PyObject *unused) {
    int32_t variables = -1, bytes = -1, words = -1, word_bytes = -1;
    raw_environ_sizes_get(&variables, &bytes);
    raw_args_sizes_get(&words, &word_bytes);
    return Py_BuildValue("iiii", variables, bytes, words, word_bytes);
}

static PyObject *poll_clocks(PyObject *self, PyObject *arguments) {
    int32_t count, got = 0;
    if (!PyArg_ParseTuple(arguments, "i", &count)) return NULL;
    char *subscriptions = calloc(count, SUBSCRIPTION), *events = calloc(count, EVENT);
    if (count && !(subscriptions && events)) return PyErr_NoMemory();
    int32_t error = raw_poll_oneoff(subscriptions, events, count, &got);
    free(subscriptions);
    free(events);
    return Py_BuildValue("ii", error, got);
}

static PyObject *proc_exit(PyObject *self, PyObject *arguments) {
    int32_t status;
    if (!PyArg_ParseTuple(arguments, "i", &status)) return NULL;
    raw_proc_exit(status);
}

static PyObject *peek(PyObject *self, PyObject *arguments) {
    uint32_t address;
    if (!PyArg_ParseTuple(arguments, "I", &address)) return NULL;
    return PyLong_FromLong(*(volatile unsigned char *)(uintptr_t)address);
}

static PyObject *poke(PyObject *self, PyObject *arguments) {
    uint32_t address, length;
    if (!PyArg_ParseTuple(arguments, "II", &address, &length)) return NULL;
    for (uint32_t i = 0; i < length; i++) ((volatile unsigned char *)(uintptr_t)address)[i] = 'A';
    Py_RETURN_NONE;
}

static PyObject *call_address(PyObject *self, PyObject *arguments) {
    uint32_t address;
    if (!PyArg_ParseTuple(arguments, "I", &address)) return NULL;
    return PyLong_FromLong(((int (*)(void))(uintptr_t)address)());
}

static PyObject *loop(PyObject *self, PyObject *unused) {
    for (volatile unsigned i = 0;; i++) continue;
    Py_RETURN_NONE;
}

static int deeper(int levels) {
    volatile char block[256];
    block[0] = (char)levels;
    return levels ? deeper(levels - 1) + block[0] : 0;
}

ERRNO(recurse, "i", int32_t levels, &levels, deeper(levels))
ERRNO(grow, "i", int32_t pages, &pages, (long)__builtin_wasm_memory_grow(0, pages))

static PyObject *allocate_all(PyObject *self, PyObject *unused) {
    const size_t block = 16 << 20;
    unsigned long blocks = 0;
    char *last = NULL, *before;
    for (char *memory; (memory = malloc(block)) != NULL; last = memory, blocks++) {
        for (size_t at = 0; at < block; at += PAGE) memory[at] = 1;
        *(char **)memory = last;
    }
    for (; last != NULL; last = before) {
        before = *(char **)last;
        free(last); /* Python needs some to say how much it was */
    }
    return PyLong_FromUnsignedLong(blocks * (block >> 20));
}

#define FUNCTION(name) {#name, name, METH_VARARGS, NULL}
static PyMethodDef functions[] = {
    FUNCTION(fd_allocate), FUNCTION(fd_close), FUNCTION(fd_prestat), FUNCTION(fd_read), FUNCTION(fd_readdir), FUNCTION(fd_renumber),
    FUNCTION(fd_set_flags), FUNCTION(fd_set_size), FUNCTION(fd_write), FUNCTION(path_create_directory), FUNCTION(path_link),
    FUNCTION(path_open), FUNCTION(path_remove_directory), FUNCTION(path_rename), FUNCTION(path_set_times), FUNCTION(path_symlink),
    FUNCTION(path_unlink_file), FUNCTION(random_get), FUNCTION(read_into), FUNCTION(write_from), FUNCTION(poll_clocks),
    FUNCTION(proc_exit), FUNCTION(peek), FUNCTION(poke), FUNCTION(call_address), FUNCTION(recurse), FUNCTION(grow),
    {"sizes", sizes, METH_NOARGS, NULL}, {"loop", loop, METH_NOARGS, NULL}, {"allocate_all", allocate_all, METH_NOARGS, NULL},
    {NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, functions};
PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&module); }
