// C = f(A @ B + bias) on tensor cores, in float32 by three products of TF32 parts (TERMS 3) or in TF32 (TERMS 1).
//
// Where A comes from is A_MODE, B likewise:
//   A_MODE 0  rows, k contiguous        1  columns, m contiguous
//          2  patches of an image: m is an output pixel, k a tap and channel
//          3  the same turned: m is a tap and channel, k an output pixel
//          4  outputs that a pixel m led to: k is a tap and filter
//   B_MODE 0  rows, n contiguous        1  columns, k contiguous
//          2  a convolution's kernel turned: k is a tap and filter, n a channel
// VA and VB say how many numbers are copied at a time, 1, 2 or 4. With `splits` over 1, blocks share out k,
// and `product_parts` adds up what each found, in order.
#define STAGES 3
#define BK 32
#define WARPS_N (BN / WN)
#define THREADS (32 * (BM / WM) * (BN / WN))
#define A_BY_K (A_MODE == 0 || A_MODE == 2 || A_MODE == 4)
#define B_BY_K (B_MODE != 0)
#define A_SIZE (A_BY_K ? BM * (BK + 4) : BK * (BM + 8))
#define B_SIZE (B_BY_K ? BN * (BK + 4) : BK * (BN + 8))
#define A_LONG (A_BY_K ? BK : BM)
#define B_LONG (B_BY_K ? BK : BN)
#define A_EACH (BM * BK / VA / THREADS)
#define B_EACH (BN * BK / VB / THREADS)
#define MT (WM / 16)
#define NT (WN / 8)


__device__ __forceinline__ unsigned divided(unsigned n, unsigned m, unsigned s) {
  return m == 0 ? n : __umulhi(n, m) >> s;
}

template <int V>
__device__ __forceinline__ void fetch(float* into, const float* from, int count) {
  unsigned place = (unsigned)__cvta_generic_to_shared(into);
  int bytes = 4 * (count < 0 ? 0 : count > V ? V : count);
  if (V == 2)
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(place), "l"(from), "r"(bytes));
  else if (V == 4)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(bytes));
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(place), "l"(from), "r"(bytes));
}

// `crossing` is `high` where it meets the other number's low part: infinity, of which high is all, must not meet a
// low part that is 0.
__device__ __forceinline__ void parts(float x, unsigned& high, unsigned& low, unsigned& crossing) {
#if TERMS == 1
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(high) : "f"(x));
  low = crossing = 0;
#else
  high = __float_as_uint(x) & 0xffffe000u;
  // Infinity has no rest; what is not a number keeps it.
  const bool infinite = fabsf(x) == __int_as_float(0x7f800000);
  low = infinite ? 0u : __float_as_uint(x - __uint_as_float(high));
  crossing = infinite ? 0u : high;
#endif
}

__device__ __forceinline__ void multiply(float* c, const unsigned* a, const unsigned* b) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#if A_MODE == 4
// One number of an input gradient, from `begin` to `end` along k, of those outputs alone that the pixel led to: what
// lies beyond them is 0 in the product, and would make NaN of an infinite weight.
__device__ __noinline__ float plain(
    const float* A, const float* B, int m, int n, int begin, int end, int height, int width, int channels,
    int out_height, int out_width, int filters, int kernel_width, int stride_y, int stride_x, int top, int left,
    int dilation_y, int dilation_x) {
  const int x0 = m % width + left, y0 = m / width % height + top, image = m / width / height;
  float sum = 0.f;
  for (int k = begin; k < end; k++) {
    const int q = k / filters, f = k % filters;
    int y = y0 - q / kernel_width * dilation_y, x = x0 - q % kernel_width * dilation_x;
    if (y < 0 || x < 0 || y % stride_y || x % stride_x) continue;
    y /= stride_y;
    x /= stride_x;
    if (y >= out_height || x >= out_width) continue;
    sum = fmaf(A[((image * out_height + y) * out_width + x) * filters + f], B[(q * channels + n) * filters + f], sum);
  }
  return sum;
}
#endif

extern "C" __global__ void __launch_bounds__(THREADS) product(
    const float* __restrict__ A, const float* __restrict__ B, float* C, const float* __restrict__ bias,
    const float* addend, float* work, int M, int N, int K, int lda, int ldb, int ldc, int splits,
    int share, int f, int height, int width, int channels, int out_height, int out_width, int filters,
    int kernel_width, int stride_y, int stride_x, int top, int left, int dilation_y, int dilation_x, unsigned d1,
    unsigned m1, unsigned s1, unsigned d2, unsigned m2, unsigned s2) {
  extern __shared__ __align__(16) float memory[];
  float* const As = memory;
  float* const Bs = memory + STAGES * A_SIZE;
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int m0 = blockIdx.x * BM, n0 = blockIdx.y * BN;
  const int k_begin = blockIdx.z * share, k_end = min(K, k_begin + share);
  const int steps = (k_end - k_begin + BK - 1) / BK;
  const int wm = (warp / WARPS_N) * WM, wn = (warp % WARPS_N) * WN;

  // Where each group of A that this thread copies stands along its short axis, found once.
#if A_MODE == 2 || A_MODE == 4
  int image[A_EACH], first_y[A_EACH], first_x[A_EACH];
#pragma unroll
  for (int j = 0; j < A_EACH; j++) {
    int m = m0 + (tid + j * THREADS) / (A_LONG / VA);
    int across = A_MODE == 2 ? out_width : width, down = A_MODE == 2 ? out_height : height;
    int x = m % across, q = m / across;
    int y = q % down, n = q / down;
    image[j] = m < M ? n * (A_MODE == 2 ? height * width * channels : out_height * out_width * filters) : -1;
    first_y[j] = A_MODE == 2 ? y * stride_y - top : y + top;
    first_x[j] = A_MODE == 2 ? x * stride_x - left : x + left;
  }
#elif A_MODE == 3
  int tap_y, tap_x, channel;
  bool inside;
  {
    int m = m0 + (tid % (A_LONG / VA)) * VA;
    channel = m % channels;
    int q = m / channels;
    tap_x = (q % kernel_width) * dilation_x - left;
    tap_y = (q / kernel_width) * dilation_y - top;
    inside = m < M;
  }
#endif

  auto load = [&](int step, int stage) {
    const int k0 = k_begin + step * BK;
    float* a_into = As + stage * A_SIZE;
    float* b_into = Bs + stage * B_SIZE;
#if A_MODE == 2 || A_MODE == 4
    // The place along k is the same for all that this thread copies.
    const int ka = k0 + (tid % (A_LONG / VA)) * VA;
    const int q = divided(ka, m1, s1), inner = ka - q * d1;
    const int ky = divided(q, m2, s2), kx = q - ky * d2;
#endif
#pragma unroll
    for (int j = 0; j < A_EACH; j++) {
      const int i = tid + j * THREADS, c = (i % (A_LONG / VA)) * VA, s = i / (A_LONG / VA);
#if A_MODE == 0
      const int m = m0 + s, k = k0 + c;
      const int count = m < M ? k_end - k : 0;
      fetch<VA>(a_into + s * (BK + 4) + c, count > 0 ? A + (size_t)m * lda + k : A, count);
#elif A_MODE == 1
      const int m = m0 + c, k = k0 + s;
      const int count = k < k_end ? M - m : 0;
      fetch<VA>(a_into + s * (BM + 8) + c, count > 0 ? A + (size_t)k * lda + m : A, count);
#elif A_MODE == 2
      const int y = first_y[j] + ky * dilation_y, x = first_x[j] + kx * dilation_x;
      const bool ok = image[j] >= 0 && ka < k_end && (unsigned)y < (unsigned)height && (unsigned)x < (unsigned)width;
      fetch<VA>(a_into + s * (BK + 4) + c, ok ? A + image[j] + (y * width + x) * channels + inner : A, ok ? VA : 0);
#elif A_MODE == 3
      const int k = k0 + s;
      const int q = divided(k, m1, s1), ox = k - q * d1;
      const int n = divided(q, m2, s2), oy = q - n * d2;
      const int y = oy * stride_y + tap_y, x = ox * stride_x + tap_x;
      const bool ok = inside && k < k_end && (unsigned)y < (unsigned)height && (unsigned)x < (unsigned)width;
      fetch<VA>(a_into + s * (BM + 8) + c, ok ? A + ((n * height + y) * width + x) * channels + channel : A, ok ? VA : 0);
#else
      int y = first_y[j] - ky * dilation_y, x = first_x[j] - kx * dilation_x;
      bool ok = image[j] >= 0 && ka < k_end && y >= 0 && x >= 0;
      if (stride_y > 1) { ok = ok && y % stride_y == 0; y /= stride_y; }
      if (stride_x > 1) { ok = ok && x % stride_x == 0; x /= stride_x; }
      ok = ok && y < out_height && x < out_width;
      fetch<VA>(a_into + s * (BK + 4) + c, ok ? A + image[j] + (y * out_width + x) * filters + inner : A, ok ? VA : 0);
#endif
    }
#if B_MODE == 2
    const int kb = k0 + (tid % (B_LONG / VB)) * VB;
    const int qb = divided(kb, m1, s1), inner_b = kb - qb * d1;
#endif
#pragma unroll
    for (int j = 0; j < B_EACH; j++) {
      const int i = tid + j * THREADS, c = (i % (B_LONG / VB)) * VB, s = i / (B_LONG / VB);
#if B_MODE == 0
      const int k = k0 + s, n = n0 + c;
      const int count = k < k_end ? N - n : 0;
      fetch<VB>(b_into + s * (BN + 8) + c, count > 0 ? B + (size_t)k * ldb + n : B, count);
#elif B_MODE == 1
      const int k = k0 + c, n = n0 + s;
      const int count = n < N ? k_end - k : 0;
      fetch<VB>(b_into + s * (BK + 4) + c, count > 0 ? B + (size_t)n * ldb + k : B, count);
#else
      const int n = n0 + s;
      const bool ok = n < N && kb < k_end;
      fetch<VB>(b_into + s * (BK + 4) + c, ok ? B + (qb * channels + n) * filters + inner_b : B, ok ? VB : 0);
#endif
    }
  };

  float sums[MT][NT][4];
#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int j = 0; j < NT; j++)
#pragma unroll
      for (int q = 0; q < 4; q++) sums[i][j][q] = 0.f;

  // Code that runs once is fetched from far away: less of it is faster.
#pragma unroll 1
  for (int s = 0; s < STAGES - 1; s++) {
    if (s < steps) load(s, s);
    asm volatile("cp.async.commit_group;");
  }
  const int row = lane >> 2, column = lane & 3;
  for (int step = 0; step < steps; step++) {
    asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2));
    __syncthreads();
    if (step + STAGES - 1 < steps) load(step + STAGES - 1, (step + STAGES - 1) % STAGES);
    asm volatile("cp.async.commit_group;");
    const float* a_from = As + (step % STAGES) * A_SIZE;
    const float* b_from = Bs + (step % STAGES) * B_SIZE;
#pragma unroll 2
    for (int kk = 0; kk < BK; kk += 8) {
      unsigned a_high[MT][4], a_low[MT][4], a_cross[MT][4], b_high[NT][2], b_low[NT][2], b_cross[NT][2];
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int q = 0; q < 4; q++) {
          const int m = wm + i * 16 + row + (q & 1) * 8, k = kk + column + (q >> 1) * 4;
          parts(a_from[A_BY_K ? m * (BK + 4) + k : k * (BM + 8) + m], a_high[i][q], a_low[i][q], a_cross[i][q]);
        }
#pragma unroll
      for (int j = 0; j < NT; j++)
#pragma unroll
        for (int q = 0; q < 2; q++) {
          const int n = wn + j * 8 + row, k = kk + column + q * 4;
          parts(b_from[B_BY_K ? n * (BK + 4) + k : k * (BN + 8) + n], b_high[j][q], b_low[j][q], b_cross[j][q]);
        }
#if TERMS == 3
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int j = 0; j < NT; j++) multiply(sums[i][j], a_low[i], b_cross[j]);
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int j = 0; j < NT; j++) multiply(sums[i][j], a_cross[i], b_low[j]);
#endif
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int j = 0; j < NT; j++) multiply(sums[i][j], a_high[i], b_high[j]);
    }
  }

#if A_MODE == 4
#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int j = 0; j < NT; j++)
#pragma unroll
      for (int q = 0; q < 4; q++) {
        const int m = m0 + wm + i * 16 + row + (q >> 1) * 8, n = n0 + wn + j * 8 + 2 * column + (q & 1);
        if (sums[i][j][q] != sums[i][j][q] && m < M && n < N)
          sums[i][j][q] = plain(A, B, m, n, k_begin, k_end, height, width, channels, out_height, out_width, filters,
                                kernel_width, stride_y, stride_x, top, left, dilation_y, dilation_x);
      }
#endif
  if (splits > 1) {
    // `product_parts` adds them up: a block that waits for others costs more than another kernel.
    float* mine = work + (size_t)blockIdx.z * M * N;
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
      for (int j = 0; j < NT; j++)
#pragma unroll
        for (int q = 0; q < 4; q++) {
          const int m = m0 + wm + i * 16 + row + (q >> 1) * 8, n = n0 + wn + j * 8 + 2 * column + (q & 1);
          if (m < M && n < N) mine[(size_t)m * N + n] = sums[i][j][q];
        }
    return;
  }
#pragma unroll
  for (int j = 0; j < NT; j++)
#pragma unroll
    for (int e = 0; e < 2; e++) {
      const int n = n0 + wn + j * 8 + 2 * column + e;
      if (n >= N) continue;
      const float shift = bias ? bias[n] : 0.f;
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
          const int m = m0 + wm + i * 16 + row + h * 8;
          if (m >= M) continue;
          float value = sums[i][j][h * 2 + e] + shift;
          if (addend) value += addend[(size_t)m * ldc + n];
          C[(size_t)m * ldc + n] = f == 0 ? value : f == 1 ? at_least(value, 0.f) : activated(f, value, 1.f);
        }
    }
}
