// Sums of columns, of dy or of dz = dy * f'(z), which is written on the way. Blocks share out the rows; the last to
// arrive adds up what each found, in order.
extern "C" __global__ void __launch_bounds__(256) columns(
    int f, const float* z, const float* y, const float* dy, float* dz, float* total, float* work, unsigned* arrived,
    int rows, int width, int share) {
  const int column = blockIdx.x * 32 + (threadIdx.x & 31), part = threadIdx.x >> 5;
  const int begin = blockIdx.y * share, end = min(rows, begin + share);
  float sum = 0.f;
  if (column < width)
    for (int r = begin + part; r < end; r += 8) {
      const size_t i = (size_t)r * width + column;
      float value = dy[i];
      if (f != 0) {
        value = f == 1 ? value * (y[i] > 0.f ? 1.f : 0.f) : sloped(f, z ? z[i] : 0.f, y[i], value, 1.f);
        dz[i] = value;
      }
      sum += value;
    }
  if (!total) return;
  __shared__ float parts[8][33];
  __shared__ bool last;
  parts[part][threadIdx.x & 31] = sum;
  __syncthreads();
  if (part == 0) {
    sum = 0.f;
    for (int p = 0; p < 8; p++) sum += parts[p][threadIdx.x];
    if (gridDim.y == 1) {
      if (column < width) total[column] = sum;
    } else if (column < width) {
      __stcg(work + (size_t)blockIdx.y * width + column, sum);
    }
  }
  if (gridDim.y == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(arrived + blockIdx.x, 1u) == gridDim.y - 1;
    if (last) arrived[blockIdx.x] = 0;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  sum = 0.f;
  if (column < width)
    for (int p = part; p < gridDim.y; p += 8) sum += __ldcg(work + (size_t)p * width + column);
  parts[part][threadIdx.x & 31] = sum;
  __syncthreads();
  if (part == 0 && column < width) {
    sum = 0.f;
    for (int p = 0; p < 8; p++) sum += parts[p][threadIdx.x];
    total[column] = sum;
  }
}
