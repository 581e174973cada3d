// Philox4x32-10, as `compute/kernels/random.py` has it: four words from (index, stream, step) under the key `seed`.
// Seed and step are read from the device where they lie there, so that a graph draws other numbers each time.
struct Words { unsigned word[4]; };

__device__ __forceinline__ Words philox(unsigned index, unsigned stream, unsigned long long step, unsigned long long seed) {
  unsigned c0 = index, c1 = stream, c2 = (unsigned)step, c3 = (unsigned)(step >> 32);
  unsigned k0 = (unsigned)seed, k1 = (unsigned)(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const unsigned h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
    const unsigned h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
    c0 = h1 ^ c1 ^ k0, c2 = h0 ^ c3 ^ k1, c1 = l1, c3 = l0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Four numbers a thread, those of one index; `bound` is the words of a unit that is dropped, `scale` what is kept.
#define FOUR                                                                                          \
  const unsigned long long seed = seed_at ? *seed_at : seed_is, step = step_at ? *step_at : step_is;  \
  for (unsigned block = blockIdx.x * blockDim.x + threadIdx.x; block < (n + 3) / 4; block += gridDim.x * blockDim.x)

extern "C" __global__ void uniform(
    float* out, const unsigned long long* seed_at, unsigned long long seed_is, const unsigned long long* step_at,
    unsigned long long step_is, unsigned stream, unsigned n) {
  FOUR {
    const Words found = philox(block, stream, step, seed);
    for (unsigned i = 4 * block; i < n && i < 4 * block + 4; i++) out[i] = (found.word[i % 4] >> 8) * 5.9604644775390625e-8f;
  }
}

extern "C" __global__ void dropout(
    const float* x, float* mask, float* out, unsigned long long bound, float scale, const unsigned long long* seed_at,
    unsigned long long seed_is, const unsigned long long* step_at, unsigned long long step_is, unsigned stream, unsigned n) {
  FOUR {
    const Words found = philox(block, stream, step, seed);
    for (unsigned i = 4 * block; i < n && i < 4 * block + 4; i++) {
      const float kept = found.word[i % 4] >= bound ? scale : 0.f;
      mask[i] = kept;
      if (out) out[i] = x[i] * kept;
    }
  }
}
