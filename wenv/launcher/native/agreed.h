/* What this launcher and Python's have agreed on.  Made of Python's declarations by tests/launcher/agreed.py. */

#ifndef WENV_AGREED_H
#define WENV_AGREED_H

/* clang-format off */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers and texts (wenv/launcher/limits.py, traps.py, c_api.py, module.py). */

enum { STRING = 12 }; /* wasmtime_component_valkind_t */
enum { PAGE = 4096 }; /* bytes of a page of a memory image */
enum { UNIT = 65536 }; /* bytes of a page of WebAssembly's */
enum { NOT_STARTED = 125 }; /* exit statuses */
enum { DISK_LIMIT = 118 };
enum { SLACK = 8 }; /* descriptors that the host itself may need while a program runs */
enum { MEASURING = 20 }; /* further ones while it measures */
enum { LOOK = 50000 }; /* microseconds between two looks, at least */
enum { LARGEST_SCRIPT = 1048576 }; /* bytes of a script that are looked through for its block of metadata */
enum { KEEPER_DESCRIPTOR = 3 }; /* the way's descriptor in the process that keeps started programs */
enum { LARGEST_MESSAGE = 4194304 }; /* bytes of a message on the way */
enum { ELUSIVE = 20 }; /* looks that may fail in a row, as folders move away under them */

#define BLOCK "# /// script"
#define MARK "\357\273\277"
#define INTERFACE "wenv:env/session@0.1.0"
#define MAIN_FUNCTION "main"
#define HOST_INTERFACE "wenv:env/host@0.1.0"
#define ASK "ask"
#define REFUSED "-[\"refused\",null,\"\"]"
#define CHILD_ORDER "[\"child."
#define KEEPER "import sys; sys.path.append(sys.argv[1]); from wenv.children.keeper import main; main(int(sys.argv[2]))"
#define INTERPRETER "/bin/python3"
#define DOOR_MODULE "host"
#define DOOR_NAME "call"
#define MEMORY "memory"
#define ALLOCATE "host_alloc"
#define TURN "turn"
#define TOO_LARGE "its files take more than %llu bytes, its disk limit (--max-disk)"
#define TOO_MANY "it keeps more than %llu files, its limit (--max-files)"
#define TOO_ELUSIVE "its folders change too quickly to be measured against its disk limit"

/* The records of a start file (wenv/run/start_file.py). */

enum {
  RECORD_FOLDER = 'D',
  RECORD_SAME_FILE = 'S',
  RECORD_NO_FILE = 'G',
  RECORD_VARIABLE = 'V',
  RECORD_LIMITS = 'O',
  RECORD_PACKAGE = 'K',
  RECORD_PYTHON = 'I',
  RECORD_LIBRARY = 'L',
  RECORD_STACK = 'Z',
  RECORD_CODE = 'C',
  RECORD_BAKED_CODE = 'B',
  RECORD_BAKED_VARIABLE = 'b',
  RECORD_BAKED_ABSENT = 'A',
  RECORD_MEMORY = 'M',
  RECORD_BAKED_MEMORY = 'm',
  RECORD_BEFORE = 'F',
  RECORD_AFTER = 'f',
  RECORD_UNUSUAL = 'U',
  RECORD_READ = 'P',
  RECORD_READ_AS = 'p',
  RECORD_WRITE = 'W',
  RECORD_WRITE_AS = 'w',
  RECORD_PRIVATE = 'R',
  RECORD_OWN = 'Q',
  RECORD_OWN_AS = 'q',
  RECORD_HIDDEN_BELOW = 'X',
  RECORD_HIDDEN = 'x',
  RECORD_ELSEWHERE = 'H',
  RECORD_DIRECTORY = 'Y',
  RECORD_PASSED = 'N',
  RECORD_ENVIRONMENT = 'E',
  RECORD_SCRIPT = 'T',
  RECORD_ENTRY_POINT = 't',
  RECORD_REQUEST = 'J',
  RECORD_CHECKSUM = '#',
};

/* wasmtime's C library (wenv/launcher/c_api.py, module.py). */

typedef struct { uint64_t store; uint32_t own; } Instance;
typedef struct { uint64_t store; uint32_t first; uint32_t gap; uint32_t second; void *own; } Function;
typedef struct { uint8_t kind; uint64_t size; void *data; void *more; } Value;
typedef struct { uint64_t size; void *data; } Bytes;
typedef struct { uint64_t store; uint64_t own; } ModuleInstance;
typedef struct { uint8_t kind; uint64_t of[3]; } Extern;
typedef struct { uint8_t kind; union { int number; uint64_t largest[3]; } of; } Integer;
typedef uint64_t Callback(void *, void *, Integer *, uint64_t, Integer *, uint64_t);
typedef uint64_t Asked(void *, void *, void *, Value *, uint64_t, Value *, uint64_t);

#define FUNCTIONS(F) \
  F(void *, wasm_config_new, (void)) \
  F(void, wasmtime_config_async_stack_size_set, (void *, uint64_t)) \
  F(void, wasmtime_config_max_wasm_stack_set, (void *, uint64_t)) \
  F(void *, wasm_engine_new_with_config, (void *)) \
  F(void *, wasmtime_store_new, (void *, void *, void *)) \
  F(void *, wasmtime_store_context, (void *)) \
  F(void, wasmtime_store_limiter, (void *, int64_t, int64_t, int64_t, int64_t, int64_t)) \
  F(void *, wasmtime_context_set_wasi, (void *, void *)) \
  F(void *, wasi_config_new, (void)) \
  F(void, wasi_config_inherit_stdin, (void *)) \
  F(void, wasi_config_inherit_stdout, (void *)) \
  F(void, wasi_config_inherit_stderr, (void *)) \
  F(bool, wasi_config_set_argv, (void *, uint64_t, const char **)) \
  F(bool, wasi_config_preopen_dir, (void *, const char *, const char *, bool)) \
  F(bool, wasmtime_error_exit_status, (void *, int *)) \
  F(void, wasmtime_error_message, (void *, Bytes *)) \
  F(void, wasmtime_config_wasm_component_model_set, (void *, bool)) \
  F(void *, wasmtime_component_deserialize_file, (void *, const char *, void **)) \
  F(void *, wasmtime_component_linker_new, (void *)) \
  F(void *, wasmtime_component_linker_add_wasip2, (void *)) \
  F(void *, wasmtime_component_linker_root, (void *)) \
  F(void *, wasmtime_component_linker_instance_add_instance, (void *, const char *, uint64_t, void **)) \
  F(void *, wasmtime_component_linker_instance_add_func, (void *, const char *, uint64_t, Asked *, void *, void *)) \
  F(void, wasmtime_component_linker_instance_delete, (void *)) \
  F(void, wasm_byte_vec_new, (Bytes *, uint64_t, const char *)) \
  F(void *, wasmtime_component_linker_instantiate, (void *, void *, void *, Instance *)) \
  F(void *, wasmtime_component_instance_get_export_index, (Instance *, void *, void *, const char *, uint64_t)) \
  F(bool, wasmtime_component_instance_get_func, (Instance *, void *, void *, Function *)) \
  F(void *, wasmtime_component_func_call, (Function *, void *, Value *, uint64_t, Value *, uint64_t)) \
  F(void, wasmtime_config_wasm_exceptions_set, (void *, bool)) \
  F(void *, wasmtime_module_deserialize_file, (void *, const char *, void **)) \
  F(void *, wasmtime_linker_new, (void *)) \
  F(void *, wasmtime_linker_define_wasi, (void *)) \
  F(void *, wasm_valtype_new, (uint8_t)) \
  F(void, wasm_valtype_vec_new, (Bytes *, uint64_t, void **)) \
  F(void *, wasm_functype_new, (Bytes *, Bytes *)) \
  F(void *, wasmtime_linker_define_func, (void *, const char *, uint64_t, const char *, uint64_t, void *, Callback *, void *, void *)) \
  F(void *, wasmtime_linker_instantiate, (void *, void *, void *, ModuleInstance *, void **)) \
  F(bool, wasmtime_instance_export_get, (void *, ModuleInstance *, const char *, uint64_t, Extern *)) \
  F(void *, wasmtime_func_call, (void *, void *, Integer *, uint64_t, Integer *, uint64_t, void **)) \
  F(void *, wasmtime_memory_data, (void *, void *)) \
  F(uint64_t, wasmtime_memory_size, (void *, void *)) \
  F(void *, wasmtime_memory_grow, (void *, void *, uint64_t, uint64_t *)) \
  F(void, wasm_trap_message, (void *, Bytes *))

#define DECLARED(result, name, arguments) extern result(*name) arguments;
FUNCTIONS(DECLARED)

#endif
