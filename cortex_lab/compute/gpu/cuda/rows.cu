// Normalization of rows by their own mean and variance (or by the mean of their squares alone): a block for each row,
// whose threads add up in double precision.
__device__ __forceinline__ double2 sums_of(double a, double b) {
  __shared__ double2 parts[256];
  parts[threadIdx.x] = make_double2(a, b);
  for (int half = 128; half; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      parts[threadIdx.x].x += parts[threadIdx.x + half].x;
      parts[threadIdx.x].y += parts[threadIdx.x + half].y;
    }
  }
  __syncthreads();
  const double2 found = parts[0];
  __syncthreads();
  return found;
}

extern "C" __global__ void __launch_bounds__(256) normalize_rows(
    const float* x, const float* gamma, const float* beta, float* mean, float* variance, float* out, float epsilon,
    int centered, int rows, int width) {
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* const from = x + (size_t)row * width;
    float* const into = out + (size_t)row * width;
    double sum = 0.;
    for (int i = threadIdx.x; centered && i < width; i += 256) sum += from[i];
    const float middle = centered ? (float)(sums_of(sum, 0.).x / width) : 0.f;
    double square = 0.;
    for (int i = threadIdx.x; i < width; i += 256) square += (double)(from[i] - middle) * (from[i] - middle);
    const float spread = (float)(sums_of(square, 0.).x / width), scale = 1.f / sqrtf(spread + epsilon);
    if (threadIdx.x == 0 && mean) mean[row] = middle;
    if (threadIdx.x == 0 && variance) variance[row] = spread;
    for (int i = threadIdx.x; i < width; i += 256) {
      float value = (from[i] - middle) * scale;
      if (gamma) value *= gamma[i];
      into[i] = beta ? value + beta[i] : value;
    }
  }
}

// The gradient with respect to x; `out` may be dy.
extern "C" __global__ void __launch_bounds__(256) rows_gradient(
    const float* x, const float* dy, const float* gamma, const float* mean, const float* variance, float* out,
    float epsilon, int centered, int rows, int width) {
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    const size_t begin = (size_t)row * width;
    const float middle = centered ? mean[row] : 0.f, scale = 1.f / sqrtf(variance[row] + epsilon);
    double along = 0., total = 0.;
    for (int i = threadIdx.x; i < width; i += 256) {
      const float dz = gamma ? dy[begin + i] * gamma[i] : dy[begin + i];
      along += (double)dz * ((x[begin + i] - middle) * scale);
      total += dz;
    }
    const double2 found = sums_of(along, total);
    const float slope = (float)(found.x / width), shift = centered ? (float)(found.y / width) : 0.f;
    for (int i = threadIdx.x; i < width; i += 256) {
      const float dz = gamma ? dy[begin + i] * gamma[i] : dy[begin + i];
      out[begin + i] = scale * (dz - shift - (x[begin + i] - middle) * scale * slope);
    }
  }
}

// Gradients of gamma and beta, sums of columns: blocks share out the rows, and the last to arrive adds up, in order.
extern "C" __global__ void __launch_bounds__(256) rows_slopes(
    const float* x, const float* dy, const float* mean, const float* variance, float* d_gamma, float* d_beta,
    double* work, unsigned* arrived, float epsilon, int centered, int rows, int width, int share) {
  const int column = blockIdx.x * 32 + (threadIdx.x & 31), part = threadIdx.x >> 5;
  const int begin = blockIdx.y * share, end = min(rows, begin + share);
  double along = 0., total = 0.;
  if (column < width)
    for (int row = begin + part; row < end; row += 8) {
      const size_t i = (size_t)row * width + column;
      const float scale = 1.f / sqrtf(variance[row] + epsilon);
      along += (double)dy[i] * ((x[i] - (centered ? mean[row] : 0.f)) * scale);
      total += dy[i];
    }
  __shared__ double2 parts[8][33];
  __shared__ bool last;
  parts[part][threadIdx.x & 31] = make_double2(along, total);
  __syncthreads();
  if (part == 0 && column < width) {
    for (int p = 1; p < 8; p++) {
      along += parts[p][threadIdx.x].x;
      total += parts[p][threadIdx.x].y;
    }
    __stcg(work + ((size_t)blockIdx.y * width + column) * 2, along);
    __stcg(work + ((size_t)blockIdx.y * width + column) * 2 + 1, total);
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(arrived + blockIdx.x, 1u) == gridDim.y - 1;
    if (last) arrived[blockIdx.x] = 0;
  }
  __syncthreads();
  if (!last || part || column >= width) return;
  __threadfence();
  along = total = 0.;
  for (int p = 0; p < gridDim.y; p++) {
    along += __ldcg(work + ((size_t)p * width + column) * 2);
    total += __ldcg(work + ((size_t)p * width + column) * 2 + 1);
  }
  if (d_gamma) d_gamma[column] = (float)along;
  if (d_beta) d_beta[column] = (float)total;
}
