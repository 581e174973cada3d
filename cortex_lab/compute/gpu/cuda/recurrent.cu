// Recurrent cells over whole sequences, as `compute/kernels/recurrent.py` and `recurrent_gru.py` define them.
//
// A block has ROWS rows of the batch from the first step to the last, with their state in its shared memory: rows know
// nothing of each other, so that no block ever waits for another. What all read again at every step, the recurrent
// kernel, stays in the device's second cache. CELL 0 is the simple cell, 1 the LSTM, 2 the GRU whose reset gate acts
// after the product. V numbers of a matrix are read at a time, 1 or 4.
#define GATES (CELL == 1 ? 4 : CELL == 2 ? 3 : 1)

// out[r][j] = the sum over k of v[r][k] * matrix[k][j], of K x N numbers. `groups` groups of threads share out k, and
// leave what each found in `sums`, so that always the same numbers are added in the same order.
__device__ __forceinline__ void times_matrix(
    const float* v, const float* __restrict__ matrix, float* out, float* sums, int K, int N, int groups) {
  const int tid = threadIdx.x, each = blockDim.x / groups, group = tid / each;
  const int share = (K + groups - 1) / groups, begin = group * share, end = min(K, begin + share);
  float* const into = groups == 1 ? out : sums + group * ROWS * N;
  for (int j = (tid % each) * V; j < N; j += each * V) {
    float sum[ROWS][V];
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int c = 0; c < V; c++) sum[r][c] = 0.f;
#pragma unroll 8
    for (int k = begin; k < end; k++) {
      float m[V];
#if V == 4
      const float4 four = __ldg((const float4*)(matrix + (size_t)k * N + j));
      m[0] = four.x, m[1] = four.y, m[2] = four.z, m[3] = four.w;
#else
      m[0] = __ldg(matrix + (size_t)k * N + j);
#endif
#pragma unroll
      for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < V; c++) sum[r][c] = fmaf(v[r * K + k], m[c], sum[r][c]);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int c = 0; c < V; c++) into[r * N + j + c] = sum[r][c];
  }
  __syncthreads();
  if (groups == 1) return;
  for (int i = tid; i < ROWS * N; i += blockDim.x) {
    float sum = sums[i];
    for (int g = 1; g < groups; g++) sum += sums[g * ROWS * N + i];
    out[i] = sum;
  }
  __syncthreads();
}

// The part of a state array (n, steps, units) that one step of one row has; `by_row` and `by_step` may be negative.
#define AT(array, by_row, by_step) ((array) + row * (by_row) + t * (by_step) + u)

extern "C" __global__ void __launch_bounds__(512) forward(
    const float* __restrict__ recurrent, const float* recurrent_bias, const float* mask, const float* start_h,
    const float* start_c, float* gates, float* cells, float* recalled, float* hidden, float* last, int n, int steps,
    int units, int groups, long long start_row, long long hidden_row, long long hidden_step, long long last_row, int f,
    int rf, int reverse) {
  extern __shared__ __align__(16) float memory[];
  const int N = GATES * units, first = blockIdx.x * ROWS;
  float* const h = memory;
  float* const c = h + ROWS * units;
  float* const z = c + (CELL == 1 ? ROWS * units : 0);
  float* const sums = z + ROWS * N;
  for (int i = threadIdx.x; i < ROWS * units; i += blockDim.x) {
    const int u = i % units;
    const long long row = first + i / units;
    h[i] = start_h && row < n ? start_h[row * start_row + u] : 0.f;
    if (CELL == 1) c[i] = start_c && row < n ? start_c[row * start_row + u] : 0.f;
  }
  __syncthreads();
  for (int place = 0; place < steps; place++) {
    const long long t = reverse ? steps - 1 - place : place;
    times_matrix(h, recurrent, z, sums, units, N, groups);
    for (int i = threadIdx.x; i < ROWS * units; i += blockDim.x) {
      const int r = i / units, u = i % units;
      const long long row = first + r;
      if (row >= n) continue;
      // A choice, not a product: what is not a number in a step that does not count must not come through.
      const bool seen = !mask || mask[row * steps + t] > 0.5f;
      const float* const add = z + r * N + u;
      float* const g = AT(gates, (long long)steps * N, N);
      float after;
#if CELL == 0
      g[0] = after = activated(f, g[0] + add[0], 1.f);
#elif CELL == 1
      const float input = activated(rf, g[0] + add[0], 1.f);
      const float forget = activated(rf, g[units] + add[units], 1.f);
      const float candidate = activated(f, g[2 * units] + add[2 * units], 1.f);
      const float output = activated(rf, g[3 * units] + add[3 * units], 1.f);
      g[0] = input, g[units] = forget, g[2 * units] = candidate, g[3 * units] = output;
      const float cell = seen ? forget * c[i] + input * candidate : c[i];
      c[i] = cell;
      if (cells) *AT(cells, (long long)steps * units, units) = cell;
      after = output * activated(f, cell, 1.f);
#else
      const float* const b = recurrent_bias ? recurrent_bias + u : 0;
      const float remembered = add[2 * units] + (b ? b[2 * units] : 0.f);
      const float update = activated(rf, g[0] + (add[0] + (b ? b[0] : 0.f)), 1.f);
      const float reset = activated(rf, g[units] + (add[units] + (b ? b[units] : 0.f)), 1.f);
      const float candidate = activated(f, g[2 * units] + reset * remembered, 1.f);
      g[0] = update, g[units] = reset, g[2 * units] = candidate;
      if (recalled) *AT(recalled, (long long)steps * units, units) = remembered;
      after = update * h[i] + (1.f - update) * candidate;
#endif
      if (seen) h[i] = after;
      if (hidden) *AT(hidden, hidden_row, hidden_step) = h[i];
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; last && i < ROWS * units; i += blockDim.x) {
    const long long row = first + i / units;
    if (row < n) last[row * last_row + i % units] = h[i];
  }
}

// Gradients of the pre-activations into `work`, of the state before the first step into `d_start`. `turned` is the
// recurrent kernel turned; of a GRU `met` takes the gradients of its product, whose last gate is behind the reset.
extern "C" __global__ void __launch_bounds__(512) backward(
    const float* __restrict__ turned, const float* mask, const float* start_h, const float* start_c, const float* gates,
    const float* cells, const float* recalled, const float* hidden, const float* dy, const float* d_cell, float* work,
    float* met, float* d_start, int n, int steps, int units, int groups, long long start_row, long long hidden_row,
    long long hidden_step, long long dy_row, long long dy_step, long long d_cell_row, int every, int f, int rf,
    int reverse) {
  extern __shared__ __align__(16) float memory[];
  const int N = GATES * units, first = blockIdx.x * ROWS;
  float* const dh = memory;
  float* const passed = dh + ROWS * units;
  float* const dc = passed + ROWS * units;
  float* const dz = dc + (CELL == 1 ? ROWS * units : 0);
  float* const sums = dz + ROWS * N;
  for (int i = threadIdx.x; i < ROWS * units; i += blockDim.x) {
    const long long row = first + i / units;
    dh[i] = passed[i] = 0.f;
    if (CELL == 1) dc[i] = d_cell && row < n ? d_cell[row * d_cell_row + i % units] : 0.f;
  }
  for (int i = threadIdx.x; i < ROWS * N; i += blockDim.x) dz[i] = 0.f;
  __syncthreads();
  for (int place = 0; place < steps; place++) {
    const long long t = reverse ? place : steps - 1 - place;
    const bool begins = place == steps - 1;
    for (int i = threadIdx.x; i < ROWS * units; i += blockDim.x) {
      const int r = i / units, u = i % units;
      const long long row = first + r;
      if (row >= n) continue;
      const bool seen = !mask || mask[row * steps + t] > 0.5f;
      float total = dh[i] + passed[i];
      if (every || place == 0) total += *AT(dy, dy_row, dy_step);
      const float here = seen ? total : 0.f;
      const float* const g = AT(gates, (long long)steps * N, N);
      float* const into = AT(work, (long long)steps * N, N);
      float* const d = dz + r * N + u;
      float rest = seen ? 0.f : total;
#if CELL == 0
      d[0] = into[0] = sloped(f, 0.f, g[0], here, 1.f);
#elif CELL == 1
      const float input = g[0], forget = g[units], candidate = g[2 * units], output = g[3 * units];
      const float cell = *AT(cells, (long long)steps * units, units);
      float before = begins && start_c ? start_c[row * start_row + u] : 0.f;
      if (!begins) before = AT(cells, (long long)steps * units, units)[reverse ? units : -units];
      const float squashed = activated(f, cell, 1.f);
      const float through = sloped(f, 0.f, squashed, here * output, 1.f) + (seen ? dc[i] : 0.f);
      d[0] = into[0] = sloped(rf, 0.f, input, through * candidate, 1.f);
      d[units] = into[units] = sloped(rf, 0.f, forget, through * before, 1.f);
      d[2 * units] = into[2 * units] = sloped(f, 0.f, candidate, through * input, 1.f);
      d[3 * units] = into[3 * units] = sloped(rf, 0.f, output, here * squashed, 1.f);
      dc[i] = through * forget + (seen ? 0.f : dc[i]);
#else
      const float update = g[0], reset = g[units], candidate = g[2 * units];
      float before = begins && start_h ? start_h[row * start_row + u] : 0.f;
      if (!begins) before = AT(hidden, hidden_row, hidden_step)[reverse ? hidden_step : -hidden_step];
      const float d_candidate = sloped(f, 0.f, candidate, here * (1.f - update), 1.f);
      const float d_reset =
          sloped(rf, 0.f, reset, d_candidate * *AT(recalled, (long long)steps * units, units), 1.f);
      const float d_update = sloped(rf, 0.f, update, here * (before - candidate), 1.f);
      into[0] = d_update, into[units] = d_reset, into[2 * units] = d_candidate;
      float* const also = AT(met, (long long)steps * N, N);
      d[0] = also[0] = d_update, d[units] = also[units] = d_reset, d[2 * units] = also[2 * units] = d_candidate * reset;
      rest += here * update;
#endif
      passed[i] = rest;
    }
    __syncthreads();
    times_matrix(dz, turned, dh, sums, N, units, groups);
  }
  for (int i = threadIdx.x; d_start && i < ROWS * units; i += blockDim.x) {
    const long long row = first + i / units;
    if (row >= n) continue;
    float* const into = d_start + row * (CELL == 1 ? 2 : 1) * units + i % units;
    into[0] = dh[i] + passed[i];
    if (CELL == 1) into[units] = dc[i];
  }
}

// A matrix of so many rows and columns, turned.
extern "C" __global__ void turn(const float* a, float* out, int rows, int columns, unsigned n) {
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    out[i] = a[(size_t)(i % rows) * columns + i / rows];
}

// For every step the state it began with.
extern "C" __global__ void states_before(
    const float* states, const float* start, float* out, int steps, int units, long long start_row, long long by_row,
    long long by_step, int reverse, unsigned n) {
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    const int u = i % units, t = i / units % steps;
    const long long row = i / units / steps;
    const bool begins = t == (reverse ? steps - 1 : 0);
    if (begins) out[i] = start ? start[row * start_row + u] : 0.f;
    else out[i] = *(AT(states, by_row, by_step) + (reverse ? by_step : -by_step));
  }
}
