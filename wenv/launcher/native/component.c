/* A guest that is a component. */

#include "launcher.h"

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
