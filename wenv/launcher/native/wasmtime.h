/* wasmtime's C library, as far as a run needs it: see wenv/launcher/c_api.py. */

#ifndef WENV_WASMTIME_H
#define WENV_WASMTIME_H

/* clang-format off */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct { uint64_t store; uint32_t own; } Instance;
typedef struct { uint64_t store; uint32_t first, second; void *own; } Function;
typedef struct { uint8_t kind; size_t size; const char *data; void *more; } Value;
typedef struct { size_t size; char *data; } Bytes;

typedef struct { uint64_t store; size_t own; } ModuleInstance;
typedef struct { uint8_t kind; uint64_t of[3]; } Extern; /* a function or a memory, known by where `of` is */
typedef struct { uint8_t kind; union { int32_t number; uint64_t largest[3]; } of; } Integer;
typedef size_t Callback(void *, void *, const Integer *, size_t, Integer *, size_t);

enum { STRING = 12 }; /* wasmtime_component_valkind_t */

#define FUNCTIONS(F) \
  F(void *, wasm_config_new, (void)) \
  F(void, wasmtime_config_wasm_component_model_set, (void *, bool)) \
  F(void, wasmtime_config_max_wasm_stack_set, (void *, size_t)) \
  F(void *, wasm_engine_new_with_config, (void *)) \
  F(void *, wasmtime_component_deserialize_file, (void *, const char *, void **)) \
  F(void *, wasmtime_component_linker_new, (void *)) \
  F(void *, wasmtime_component_linker_add_wasip2, (void *)) \
  F(void *, wasmtime_component_linker_instantiate, (void *, void *, void *, Instance *)) \
  F(void *, wasmtime_component_instance_get_export_index, (Instance *, void *, void *, const char *, size_t)) \
  F(bool, wasmtime_component_instance_get_func, (Instance *, void *, void *, Function *)) \
  F(void *, wasmtime_component_func_call, (Function *, void *, Value *, size_t, Value *, size_t)) \
  F(void *, wasmtime_store_new, (void *, void *, void *)) \
  F(void *, wasmtime_store_context, (void *)) \
  F(void *, wasmtime_context_set_wasi, (void *, void *)) \
  F(void *, wasi_config_new, (void)) \
  F(void, wasi_config_inherit_stdin, (void *)) \
  F(void, wasi_config_inherit_stdout, (void *)) \
  F(void, wasi_config_inherit_stderr, (void *)) \
  F(bool, wasi_config_set_argv, (void *, size_t, const char **)) \
  F(bool, wasi_config_preopen_dir, (void *, const char *, const char *, bool)) \
  F(bool, wasmtime_error_exit_status, (void *, int *)) \
  F(void, wasmtime_error_message, (void *, Bytes *))

#define OF_MODULES(F) \
  F(void, wasmtime_config_wasm_exceptions_set, (void *, bool)) \
  F(void *, wasmtime_module_deserialize_file, (void *, const char *, void **)) \
  F(void *, wasmtime_linker_new, (void *)) \
  F(void *, wasmtime_linker_define_wasi, (void *)) \
  F(void *, wasm_valtype_new, (uint8_t)) \
  F(void, wasm_valtype_vec_new, (Bytes *, size_t, void **)) \
  F(void *, wasm_functype_new, (Bytes *, Bytes *)) \
  F(void *, wasmtime_linker_define_func, (void *, const char *, size_t, const char *, size_t, void *, Callback *, void *, void *)) \
  F(void *, wasmtime_linker_instantiate, (void *, void *, void *, ModuleInstance *, void **)) \
  F(bool, wasmtime_instance_export_get, (void *, ModuleInstance *, const char *, size_t, Extern *)) \
  F(void *, wasmtime_func_call, (void *, void *, Integer *, size_t, Integer *, size_t, void **)) \
  F(char *, wasmtime_memory_data, (void *, void *)) \
  F(uint64_t, wasmtime_memory_size, (void *, void *)) \
  F(void *, wasmtime_memory_grow, (void *, void *, uint64_t, uint64_t *)) \
  F(void, wasm_trap_message, (void *, Bytes *))

#define DECLARED(result, name, arguments) extern result(*name) arguments;
FUNCTIONS(DECLARED)
OF_MODULES(DECLARED)

/* Open the library, and find all of these functions in it. */
bool load(const char *path);

#endif
