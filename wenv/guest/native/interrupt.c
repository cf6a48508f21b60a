/* Turns a file in the control folder into KeyboardInterrupt.
 *
 * WebAssembly has no signals, and a guest that is stopped from outside cannot be entered again.  So a shell registers
 * `poll` with sys.monitoring for JUMP and PY_START: every `period`-th call looks for the file that the host leaves when the
 * user presses Ctrl-C.  In C, because the same callback in Python makes a tight loop 3.3 times slower, this one 1.5 times. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <unistd.h>

static char path[256];
static long period = 20000;
static long left = 20000;

static PyObject *interrupted(PyObject *module, PyObject *unused)
{
    left = period;
    if (path[0] && access(path, F_OK) == 0) {
        unlink(path);
        PyErr_SetNone(PyExc_KeyboardInterrupt);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Every parameter CPython passes is declared: WebAssembly traps where a native ABI forgives a function that takes fewer. */
static PyObject *poll(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    if (--left > 0) {
        Py_RETURN_NONE;
    }
    return interrupted(module, NULL);
}

static PyObject *watch(PyObject *module, PyObject *arguments)
{
    const char *given;
    if (!PyArg_ParseTuple(arguments, "sl:watch", &given, &period)) {
        return NULL;
    }
    if (strlen(given) >= sizeof path) {
        PyErr_SetString(PyExc_ValueError, "path too long");
        return NULL;
    }
    strcpy(path, given);
    left = period;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"watch", watch, METH_VARARGS, "watch(path, period): look for path at every period-th poll."},
    {"poll", (PyCFunction)(void (*)(void))poll, METH_FASTCALL, "poll(*ignored): a sys.monitoring callback."},
    {"check", interrupted, METH_NOARGS, "check(): look for the file now."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_interrupt", "KeyboardInterrupt out of a file.", -1, methods,
};

PyMODINIT_FUNC PyInit__interrupt(void)
{
    return PyModule_Create(&module);
}
