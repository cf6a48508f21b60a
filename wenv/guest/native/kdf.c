/* Keys from passwords: PBKDF2 (RFC 8018) over HMAC (RFC 2104) with SHA-1 and SHA-2 (FIPS 180-4), and scrypt (RFC 7914).
 *
 * CPython has both from OpenSSL, which the sandbox does not have.  In C, because a hundred thousand rounds take two seconds in
 * Python. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

typedef struct {
    const char *name;
    int wide;        /* words of 64 bits, else of 32 */
    int size, block; /* bytes of a digest, of a block */
    uint64_t begin[8];
} Hash;

typedef struct {
    const Hash *hash;
    uint64_t state[8];
    unsigned char block[128];
    uint64_t length;
} Digest;

static const Hash HASHES[] = {
    {"sha1", 0, 20, 64, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}},
    {"sha224", 0, 28, 64,
     {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4}},
    {"sha256", 0, 32, 64,
     {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}},
    {"sha384", 1, 48, 128,
     {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939, 0x67332667ffc00b31,
      0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4}},
    {"sha512", 1, 64, 128,
     {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
      0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}},
};

/* The first 64 bits of the fractional parts of the cube roots of the first 80 primes; SHA-256 has the upper halves of 64. */
static const uint64_t ROOTS[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538, 0x59f111f1b605d019,
    0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3,
    0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65, 0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b, 0xa2bfe8a14cf10364, 0xa81a664bbc423001,
    0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb,
    0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c, 0xd186b8c721c0c207,
    0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a,
    0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static uint32_t left32(uint32_t x, int n) { return x << n | x >> (32 - n); }
static uint32_t right32(uint32_t x, int n) { return x >> n | x << (32 - n); }
static uint64_t right64(uint64_t x, int n) { return x >> n | x << (64 - n); }

static uint64_t read_big(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | from[i];
    return value;
}

static void write_big(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = bytes; i--; value >>= 8) to[i] = (unsigned char)value;
}

static void mix_sha1(uint64_t *state, const unsigned char *block)
{
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++)
        w[i] = i < 16 ? read_big(block + 4 * i, 4) : left32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
        uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        uint32_t next = left32(a, 5) + f + e + k + w[i];
        e = d, d = c, c = left32(b, 30), b = a, a = next;
    }
    uint32_t added[5] = {a, b, c, d, e};
    for (int i = 0; i < 5; i++) state[i] = (uint32_t)(state[i] + added[i]);
}

static void mix_sha256(uint64_t *state, const unsigned char *block)
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 8; i++) v[i] = state[i];
    for (int i = 0; i < 64; i++) {
        if (i < 16) {
            w[i] = read_big(block + 4 * i, 4);
        } else {
            uint32_t x = w[i - 15], y = w[i - 2];
            w[i] = w[i - 16] + (right32(x, 7) ^ right32(x, 18) ^ x >> 3) + w[i - 7] + (right32(y, 17) ^ right32(y, 19) ^ y >> 10);
        }
        uint32_t a = v[0], e = v[4];
        uint32_t one = v[7] + (right32(e, 6) ^ right32(e, 11) ^ right32(e, 25)) + ((e & v[5]) ^ (~e & v[6])) +
                       (uint32_t)(ROOTS[i] >> 32) + w[i];
        uint32_t two = (right32(a, 2) ^ right32(a, 13) ^ right32(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one, v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] = (uint32_t)(state[i] + v[i]);
}

static void mix_sha512(uint64_t *state, const unsigned char *block)
{
    uint64_t w[80], v[8];
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 80; i++) {
        if (i < 16) {
            w[i] = read_big(block + 8 * i, 8);
        } else {
            uint64_t x = w[i - 15], y = w[i - 2];
            w[i] = w[i - 16] + (right64(x, 1) ^ right64(x, 8) ^ x >> 7) + w[i - 7] + (right64(y, 19) ^ right64(y, 61) ^ y >> 6);
        }
        uint64_t a = v[0], e = v[4];
        uint64_t one = v[7] + (right64(e, 14) ^ right64(e, 18) ^ right64(e, 41)) + ((e & v[5]) ^ (~e & v[6])) + ROOTS[i] + w[i];
        uint64_t two = (right64(a, 28) ^ right64(a, 34) ^ right64(a, 39)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one, v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

static void mix(Digest *digest, const unsigned char *block)
{
    if (digest->hash->wide) mix_sha512(digest->state, block);
    else if (digest->hash->size == 20) mix_sha1(digest->state, block);
    else mix_sha256(digest->state, block);
}

static void begin(Digest *digest, const Hash *hash)
{
    digest->hash = hash;
    digest->length = 0;
    memcpy(digest->state, hash->begin, sizeof hash->begin);
}

static void add(Digest *digest, const unsigned char *data, size_t size)
{
    size_t whole = digest->hash->block;
    while (size) {
        size_t at = digest->length % whole, taken = whole - at < size ? whole - at : size;
        memcpy(digest->block + at, data, taken);
        digest->length += taken, data += taken, size -= taken;
        if (at + taken == whole) mix(digest, digest->block);
    }
}

static void end(Digest *digest, unsigned char *output)
{
    const Hash *hash = digest->hash;
    int word = hash->wide ? 8 : 4, at = digest->length % hash->block;
    unsigned char *block = digest->block;
    block[at++] = 0x80;
    if (at > hash->block - 2 * word) {
        memset(block + at, 0, hash->block - at);
        mix(digest, block);
        at = 0;
    }
    memset(block + at, 0, hash->block - at);
    write_big(block + hash->block - 8, digest->length * 8, 8);
    mix(digest, block);
    for (int i = 0; i * word < hash->size; i++) write_big(output + i * word, digest->state[i], word);
}

/* Key an HMAC: its inner and outer digest, each after its first block. */
static void key(Digest *inner, Digest *outer, const Hash *hash, const unsigned char *password, size_t size)
{
    unsigned char block[128] = {0};
    if (size > (size_t)hash->block) {
        begin(inner, hash);
        add(inner, password, size);
        end(inner, block);
    } else {
        memcpy(block, password, size);
    }
    Digest *both[2] = {inner, outer};
    for (int n = 0; n < 2; n++) {
        for (int i = 0; i < hash->block; i++) block[i] ^= n ? 0x36 ^ 0x5c : 0x36;
        begin(both[n], hash);
        add(both[n], block, hash->block);
    }
}

static void hmac(Digest *inner, const Digest *outer, unsigned char *output)
{
    end(inner, output);
    Digest whole = *outer;
    add(&whole, output, outer->hash->size);
    end(&whole, output);
}

/* Returns -1 if it was interrupted. */
static int derive(const Hash *hash, Py_buffer *password, const unsigned char *salt, size_t salt_size, unsigned long rounds,
                  unsigned char *output, size_t size)
{
    Digest inner, outer;
    key(&inner, &outer, hash, password->buf, password->len);
    unsigned char last[64], sum[64], count[4];
    for (uint32_t number = 1; size; number++) {
        Digest digest = inner;
        add(&digest, salt, salt_size);
        write_big(count, number, 4);
        add(&digest, count, 4);
        hmac(&digest, &outer, last);
        memcpy(sum, last, hash->size);
        for (unsigned long round = 1; round < rounds; round++) {
            digest = inner;
            add(&digest, last, hash->size);
            hmac(&digest, &outer, last);
            for (int i = 0; i < hash->size; i++) sum[i] ^= last[i];
            if (round % 65536 == 0 && PyErr_CheckSignals()) return -1;
        }
        size_t taken = size < (size_t)hash->size ? size : (size_t)hash->size;
        memcpy(output, sum, taken);
        output += taken, size -= taken;
    }
    return 0;
}

static PyObject *pbkdf2(PyObject *module, PyObject *arguments)
{
    const char *name;
    Py_buffer password, salt;
    unsigned long rounds;
    Py_ssize_t size;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "sy*y*kn:pbkdf2", &name, &password, &salt, &rounds, &size)) return NULL;
    PyObject *made = NULL;
    const Hash *hash = NULL;
    for (size_t i = 0; i < sizeof HASHES / sizeof *HASHES; i++)
        if (!strcmp(HASHES[i].name, name)) hash = HASHES + i;
    if (!hash) PyErr_Format(PyExc_ValueError, "unsupported hash type %s", name);
    else if (rounds < 1 || size < 1) PyErr_SetString(PyExc_ValueError, "rounds and length must be greater than 0");
    else if ((made = PyBytes_FromStringAndSize(NULL, size)) &&
             derive(hash, &password, salt.buf, salt.len, rounds, (unsigned char *)PyBytes_AS_STRING(made), size))
        Py_CLEAR(made);
    PyBuffer_Release(&password);
    PyBuffer_Release(&salt);
    return made;
}

static void salsa(uint32_t *block)
{
    uint32_t x[16];
    memcpy(x, block, sizeof x);
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 4; j++) { /* columns, then rows */
            int p[4];
            for (int k = 0; k < 4; k++) p[k] = i % 2 ? 4 * j + (j + k) % 4 : (5 * j + 4 * k) % 16;
            x[p[1]] ^= left32(x[p[0]] + x[p[3]], 7);
            x[p[2]] ^= left32(x[p[1]] + x[p[0]], 9);
            x[p[3]] ^= left32(x[p[2]] + x[p[1]], 13);
            x[p[0]] ^= left32(x[p[3]] + x[p[2]], 18);
        }
    }
    for (int i = 0; i < 16; i++) block[i] += x[i];
}

/* Mix `block` of 2 * r blocks of 64 bytes, with `spare` of the same size. */
static void mix_blocks(uint32_t *block, uint32_t *spare, uint32_t r)
{
    uint32_t x[16];
    memcpy(x, block + (2 * r - 1) * 16, sizeof x);
    for (uint32_t i = 0; i < 2 * r; i++) {
        for (int j = 0; j < 16; j++) x[j] ^= block[i * 16 + j];
        salsa(x);
        memcpy(spare + (i % 2 * r + i / 2) * 16, x, sizeof x);
    }
    memcpy(block, spare, 128 * (size_t)r);
}

static PyObject *scrypt(PyObject *module, PyObject *arguments)
{
    Py_buffer password, salt;
    unsigned long n, r, p;
    Py_ssize_t size;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*y*kkkn:scrypt", &password, &salt, &n, &r, &p, &size)) return NULL;
    PyObject *made = NULL;
    const Hash *sha256 = HASHES + 2;
    size_t each = 128 * (size_t)r;
    unsigned char *blocks = PyMem_Calloc(p, each);
    uint32_t *table = PyMem_Calloc(n, each), *block = PyMem_Malloc(each), *spare = PyMem_Malloc(each);
    if (!blocks || !table || !block || !spare) {
        PyErr_NoMemory();
    } else if (!derive(sha256, &password, salt.buf, salt.len, 1, blocks, p * each)) {
        size_t words = each / 4;
        int fine = 1;
        for (unsigned long number = 0; number < p && fine; number++) {
            memcpy(block, blocks + number * each, each);
            for (unsigned long i = 0; i < n; i++) {
                memcpy(table + i * words, block, each);
                mix_blocks(block, spare, r);
            }
            for (unsigned long i = 0; i < n && fine; i++) {
                const uint32_t *chosen = table + (block[words - 16] & (n - 1)) * words;
                for (size_t j = 0; j < words; j++) block[j] ^= chosen[j];
                mix_blocks(block, spare, r);
                if (i % 1024 == 0 && PyErr_CheckSignals()) fine = 0;
            }
            memcpy(blocks + number * each, block, each);
        }
        if (fine && (made = PyBytes_FromStringAndSize(NULL, size)) &&
            derive(sha256, &password, blocks, p * each, 1, (unsigned char *)PyBytes_AS_STRING(made), size))
            Py_CLEAR(made);
    }
    PyMem_Free(blocks), PyMem_Free(table), PyMem_Free(block), PyMem_Free(spare);
    PyBuffer_Release(&password);
    PyBuffer_Release(&salt);
    return made;
}

static PyMethodDef methods[] = {
    {"pbkdf2", pbkdf2, METH_VARARGS, "pbkdf2(hash, password, salt, rounds, length): a key as bytes."},
    {"scrypt", scrypt, METH_VARARGS, "scrypt(password, salt, n, r, p, length): a key as bytes; n is a power of two."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_kdf", "Keys from passwords.", -1, methods,
};

PyMODINIT_FUNC PyInit__kdf(void)
{
    return PyModule_Create(&module);
}
