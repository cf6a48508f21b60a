/* A guest that is a component. */

#include "launcher.h"

/* What a program orders of its host. */
static uint64_t asked(void *data, void *inside, void *kind, Value *given, uint64_t count, Value *results, uint64_t size) {
  (void)data, (void)inside, (void)kind, (void)count, (void)size;
  Bytes text;
  Text answer = answered(given[0].data, given[0].size);
  wasm_byte_vec_new(&text, answer.size, answer.data);
  free(answer.data);
  results[0] = (Value){.kind = STRING, .size = text.size, .data = text.data};
  return 0;
}

bool take_orders(void) {
  void *own = NULL, *root = wasmtime_component_linker_root(linker);
  bool fine = !wasmtime_component_linker_instance_add_instance(root, HOST_INTERFACE, sizeof HOST_INTERFACE - 1, &own) &&
              !wasmtime_component_linker_instance_add_func(own, ASK, sizeof ASK - 1, asked, NULL, NULL);
  if (own) wasmtime_component_linker_instance_delete(own);
  wasmtime_component_linker_instance_delete(root);
  return fine;
}

int run_component(void) {
  Instance instance;
  Function function;
  void *index = NULL;
  check(wasmtime_component_linker_instantiate(linker, context, compiled, &instance));
  index = wasmtime_component_instance_get_export_index(&instance, context, NULL, INTERFACE, sizeof INTERFACE - 1);
  index = wasmtime_component_instance_get_export_index(&instance, context, index, MAIN_FUNCTION, sizeof MAIN_FUNCTION - 1);
  if (!index || !wasmtime_component_instance_get_func(&instance, context, index, &function)) {
    pthread_mutex_lock(&ending);
    give_up();
  }
  Value argument = {.kind = STRING, .size = strlen(told), .data = told}, result = {0};
  check(wasmtime_component_func_call(&function, context, &argument, 1, &result, 1));
  return (int)(result.size & 0xFF);
}
