/* Errors by longjmp, as libjpeg and libpng have them. */
#include <Python.h>
#include <setjmp.h>

static jmp_buf outside;
static volatile int kept;

static void descend(int depth, int value) {
  if (!depth) longjmp(outside, value);
  descend(depth - 1, value);
}

static PyObject *jump(PyObject *self, PyObject *argument) {
  volatile int local = 7;
  kept = 0;
  int value = setjmp(outside);
  if (!value) {
    local = 8;
    kept = 1;
    descend(50, (int)PyLong_AsLong(argument));
  }
  return Py_BuildValue("iii", value, local, kept);
}

static PyObject *inner(PyObject *self, PyObject *unused) { /* one setjmp within another */
  jmp_buf first, second;
  volatile int found = 0;
  if (!setjmp(first)) {
    if (!setjmp(second)) longjmp(second, 1);
    found = 1;
    longjmp(first, 1);
  }
  return PyLong_FromLong(10 + found);
}

static PyMethodDef methods[] = {{"jump", jump, METH_O, 0}, {"inner", inner, METH_NOARGS, 0}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "zzjumping", 0, -1, methods};
PyMODINIT_FUNC PyInit_zzjumping(void) { return PyModule_Create(&module); }
