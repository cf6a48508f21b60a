/* A guest that is a core module: see wenv/launcher/module.py. */

#include "launcher.h"

static Extern own_memory, own_allocate, own_turn;
static bool runs;

static int32_t called(Extern *function, Integer *arguments, size_t count) {
  Integer result = {0};
  void *trap = NULL;
  void *error = wasmtime_func_call(context, function->of, arguments, count, &result, 1, &trap);
  check_trap(error, trap);
  return result.of.number;
}

/* A part of the guest's memory, which is there until the guest goes on; NULL for what lies beyond. */
static char *own_part(uint32_t start, size_t size) {
  uint64_t whole = wasmtime_memory_size(context, own_memory.of) * UNIT;
  return start + size <= whole ? wasmtime_memory_data(context, own_memory.of) + start : NULL;
}

/* The host function that a module imports: it takes orders, and nothing else. */
static uint64_t take(void *data, void *caller, Integer *arguments, uint64_t count, Integer *results, uint64_t size) {
  (void)data, (void)caller, (void)count, (void)size;
  uint32_t length = (uint32_t)arguments[1].of.number;
  char *order = runs ? own_part((uint32_t)arguments[0].of.number, length) : NULL;
  results[0] = (Integer){.kind = 0, .of.number = -1};
  if (!order || !length || *order != '[') return 0;
  Text answer = answered(order, length);
  Integer wanted = {.of.number = (int32_t)answer.size};
  uint32_t place = (uint32_t)called(&own_allocate, &wanted, 1), told_size = (uint32_t)answer.size;
  char *target = own_part(place, answer.size);
  char *where = own_part((uint32_t)arguments[2].of.number, sizeof place), *how_much = own_part((uint32_t)arguments[3].of.number, sizeof told_size);
  if (target && where && how_much) {
    memcpy(target, answer.data, answer.size), memcpy(where, &place, sizeof place), memcpy(how_much, &told_size, sizeof told_size);
    results[0].of.number = 0;
  }
  free(answer.data);
  return 0;
}

static Bytes integers(size_t count) {
  void *kinds[4];
  Bytes vector;
  for (size_t i = 0; i < count; i++) kinds[i] = wasm_valtype_new(0);
  wasm_valtype_vec_new(&vector, count, kinds);
  return vector;
}

bool prepare_module(void *engine, const char *component) {
  Bytes parameters = integers(4), results = integers(1);
  if (wasmtime_module_deserialize_file(engine, component, &compiled)) return false;
  linker = wasmtime_linker_new(engine);
  void *kind = wasm_functype_new(&parameters, &results);
  return !wasmtime_linker_define_wasi(linker) && !wasmtime_linker_define_func(linker, DOOR_MODULE, sizeof DOOR_MODULE - 1, DOOR_NAME, sizeof DOOR_NAME - 1, kind, take, NULL, NULL);
}

/* Map the image over the memory; its format is described in wenv/launcher/memory_image.py. */
static bool restore(void *own) {
  struct stat status;
  uint64_t before;
  int file = open(image, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) || status.st_size < PAGE) return false;
  const uint32_t *head = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (head == MAP_FAILED) return false;
  size_t count = head[1], at = (8 + 8 * count + PAGE - 1) / PAGE * PAGE, end = at;
  if (at > (size_t)status.st_size) return false;
  for (size_t i = 0; i < count; i++) {
    if ((size_t)head[2 + 2 * i] + head[3 + 2 * i] > (size_t)head[0] * (UNIT / PAGE)) return false; /* beyond the memory */
    end += (size_t)head[3 + 2 * i] * PAGE;
  }
  if (end > (size_t)status.st_size) return false;
  uint64_t units = wasmtime_memory_size(context, own);
  if (head[0] > units) check(wasmtime_memory_grow(context, own, head[0] - units, &before));
  char *data = wasmtime_memory_data(context, own);
  for (size_t i = 0; i < count; i++) {
    char *place = data + (size_t)head[2 + 2 * i] * PAGE;
    size_t size = (size_t)head[3 + 2 * i] * PAGE;
    if (mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, (off_t)at) != place) return false;
    at += size;
  }
  return !close(file);
}

/* The line of Python that runs the request: a literal with it between what the start file says. */
static Text source(void) {
  Text text = {0};
  add(&text, only(RECORD_BEFORE)), add(&text, "'");
  for (const char *at = told; *at; at++) {
    if (*at == '\\' || *at == '\'') add(&text, "\\");
    add_bytes(&text, at, 1);
  }
  add(&text, "'"), add(&text, only(RECORD_AFTER));
  return text;
}

int run_module(void) {
  ModuleInstance instance;
  void *trap = NULL;
  void *error = wasmtime_linker_instantiate(linker, context, compiled, &instance, &trap);
  check_trap(error, trap);
  if (!wasmtime_instance_export_get(context, &instance, MEMORY, sizeof MEMORY - 1, &own_memory) ||
      !wasmtime_instance_export_get(context, &instance, ALLOCATE, sizeof ALLOCATE - 1, &own_allocate) ||
      !wasmtime_instance_export_get(context, &instance, TURN, sizeof TURN - 1, &own_turn) || !restore(own_memory.of)) {
    pthread_mutex_lock(&ending);
    give_up();
  }
  runs = true;
  Text line = source();
  Integer arguments[2] = {{.of.number = (int32_t)line.size}, {.of.number = (int32_t)line.size}};
  arguments[0].of.number = called(&own_allocate, arguments, 1);
  memcpy(wasmtime_memory_data(context, own_memory.of) + (uint32_t)arguments[0].of.number, line.data, line.size);
  return called(&own_turn, arguments, 2);
}
