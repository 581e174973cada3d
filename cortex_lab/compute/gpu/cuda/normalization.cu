// Statistics of columns in float64, as `compute/kernels/normalization.py` has them, and what they are used for.
// KIND 0: mean of x; 1: variance around `mean`; 2: sums of dy * normalized x and of dy.
extern "C" __global__ void __launch_bounds__(256) column_moments(
    int kind, const float* x, const float* dy, const float* mean, const float* variance, float epsilon, float* first,
    float* second, double* work, unsigned* arrived, int rows, int width, int share) {
  const int lane = threadIdx.x & 31, column = blockIdx.x * 32 + lane, part = threadIdx.x >> 5;
  const int begin = blockIdx.y * share, end = min(rows, begin + share);
  double a = 0., b = 0.;
  if (column < width) {
    const float center = kind ? mean[column] : 0.f, scale = kind == 2 ? 1.f / sqrtf(variance[column] + epsilon) : 1.f;
    for (int r = begin + part; r < end; r += 8) {
      const float value = x[(size_t)r * width + column] - center;
      if (kind == 0) a += value;
      else if (kind == 1) a += (double)(value * value);
      else {
        const float slope = dy[(size_t)r * width + column];
        a += (double)(slope * (value * scale));
        b += slope;
      }
    }
  }
  __shared__ double parts[2][8][33];
  __shared__ bool last;
  parts[0][part][lane] = a;
  parts[1][part][lane] = b;
  __syncthreads();
  if (part == 0 && column < width) {
    a = b = 0.;
    for (int p = 0; p < 8; p++) { a += parts[0][p][lane]; b += parts[1][p][lane]; }
    __stcg(work + 2 * ((size_t)blockIdx.y * width + column), a);
    __stcg(work + 2 * ((size_t)blockIdx.y * width + column) + 1, b);
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(arrived + blockIdx.x, 1u) == gridDim.y - 1;
    if (last) arrived[blockIdx.x] = 0;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  a = b = 0.;
  if (column < width)
    for (int p = part; p < gridDim.y; p += 8) {
      a += __ldcg(work + 2 * ((size_t)p * width + column));
      b += __ldcg(work + 2 * ((size_t)p * width + column) + 1);
    }
  parts[0][part][lane] = a;
  parts[1][part][lane] = b;
  __syncthreads();
  if (part == 0 && column < width) {
    a = b = 0.;
    for (int p = 0; p < 8; p++) { a += parts[0][p][lane]; b += parts[1][p][lane]; }
    first[column] = kind == 2 ? a : a / rows;
    if (second) second[column] = b;
  }
}

#define EACH for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)

extern "C" __global__ void normalize_columns(
    const float* x, const float* gamma, const float* beta, const float* mean, const float* variance, float* out,
    float epsilon, int width, unsigned n) {
  EACH {
    const int c = i % (unsigned)width;
    float scale = 1.f / sqrtf(variance[c] + epsilon);
    if (gamma) scale *= gamma[c];
    const float value = (x[i] - mean[c]) * scale;
    out[i] = beta ? value + beta[c] : value;
  }
}

extern "C" __global__ void batch_gradient(
    const float* x, const float* dy, const float* gamma, const float* mean, const float* variance, const float* along,
    const float* total, float* out, float epsilon, int width, int rows, unsigned n) {
  EACH {
    const int c = i % (unsigned)width;
    float scale = 1.f / sqrtf(variance[c] + epsilon);
    const float normalized = (x[i] - mean[c]) * scale;
    if (gamma) scale *= gamma[c];
    out[i] = scale * (dy[i] - (total[c] + normalized * along[c]) / rows);
  }
}

extern "C" __global__ void moving_average(float* average, const float* value, float momentum, float rest, unsigned n) {
  EACH average[i] = average[i] * momentum + rest * value[i];
}
