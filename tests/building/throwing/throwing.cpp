// What programs in C++ do with exceptions, with pybind11 as most packages have it.
#include <fstream>
#include <map>
#include <mutex>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace py = pybind11;

struct OwnError : std::runtime_error {
  using std::runtime_error::runtime_error;
  int code = 42;
};

static int destroyed = 0;
struct Guard {
  ~Guard() { ++destroyed; }
};

__attribute__((noinline)) int deep(int depth) {
  Guard guard;
  if (!depth) throw OwnError("at the bottom");
  return deep(depth - 1) + 1;
}

int caught(int depth) {
  try {
    return deep(depth);
  } catch (const std::exception &error) {
    return static_cast<const OwnError &>(error).code;
  }
}

py::object calls(const py::function &function) {
  Guard guard;
  try {
    return function();
  } catch (py::error_already_set &error) {
    return py::make_tuple(error.matches(PyExc_KeyError), py::str(error.value()));
  }
}

py::object passes(const py::function &function) {
  Guard guard;
  return function();
}

int again() {
  try {
    try {
      throw 1;
    } catch (int) {
      throw;
    }
  } catch (int value) {
    return value + 1;
  }
}

std::string nested() {
  try {
    try {
      throw std::logic_error("inner");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outer"));
    }
  } catch (const std::exception &error) {
    try {
      std::rethrow_if_nested(error);
    } catch (const std::exception &inner) {
      return std::string(error.what()) + " of " + inner.what();
    }
  }
  return "";
}

std::string kept() {
  std::exception_ptr pointer;
  try {
    (void)std::string("x").at(9);
  } catch (...) {
    pointer = std::current_exception();
  }
  try {
    std::rethrow_exception(pointer);
  } catch (const std::out_of_range &) {
    return "out_of_range";
  }
}

std::string number(const std::string &text) {
  try {
    return std::to_string(std::stoi(text));
  } catch (const std::invalid_argument &) {
    return "invalid_argument";
  } catch (const std::out_of_range &) {
    return "out_of_range";
  }
}

std::string cast() {
  struct Base { virtual ~Base() {} };
  struct One : Base {};
  struct Other : Base {};
  One one;
  Base &base = one;
  try {
    (void)dynamic_cast<Other &>(base);
  } catch (const std::bad_cast &) {
    return "bad_cast";
  }
  return "";
}

std::string file(const std::string &path) {
  std::ofstream(path) << "written " << 1.5;
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::ifstream missing;
  missing.exceptions(std::ios::failbit);
  try {
    missing.open(path + ".missing");
  } catch (const std::ios_base::failure &) {
    text << ", missing";
  }
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  return text.str();
}

struct Three {
  int at = 0;
  int next() {
    if (at == 3) throw py::stop_iteration();
    return at++;
  }
};

double many(int count) {
  double sum = 0;
  for (int each = 0; each < count; ++each) {
    try {
      if (each % 2) throw each;
      sum += 1;
    } catch (int value) {
      sum += value * 1e-9;
    }
  }
  return sum;
}

PYBIND11_MODULE(zzthrowing, module) {
  py::register_exception<OwnError>(module, "OwnError");
  py::class_<Three>(module, "Three")
      .def(py::init<>())
      .def("__iter__", [](Three &self) -> Three & { return self; })
      .def("__next__", &Three::next);
  module.def("deep", &deep);
  module.def("caught", &caught);
  module.def("calls", &calls);
  module.def("passes", &passes);
  module.def("again", &again);
  module.def("nested", &nested);
  module.def("kept", &kept);
  module.def("number", &number);
  module.def("cast", &cast);
  module.def("file", &file);
  module.def("many", &many);
  module.def("destroyed", [] { return destroyed; });
  module.def("value", [] { throw py::value_error("a bad value"); });
  module.def("item", [] { return std::vector<int>().at(3); });
  module.def("key", [] { return std::map<std::string, int>().at("k"); });
  module.def("large", [](size_t size) { return std::vector<char>(size).size(); });
  module.def("unknown", [] { throw 5; });
}
