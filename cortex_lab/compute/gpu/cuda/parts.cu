// C = f(the sum of what `splits` blocks of `product` found, in order, + bias): eight threads an element.
extern "C" __global__ void __launch_bounds__(256) product_parts(
    const float* work, float* C, const float* bias, const float* addend, int splits, int N, int f, int n) {
  __shared__ float parts[8][33];
  const int lane = threadIdx.x & 31, part = threadIdx.x >> 5, i = blockIdx.x * 32 + lane;
  float sum = 0.f;
  if (i < n)
#pragma unroll 8
    for (int z = part; z < splits; z += 8) sum += __ldg(work + (size_t)z * n + i);
  parts[part][lane] = sum;
  __syncthreads();
  if (part || i >= n) return;
  sum = 0.f;
  for (int p = 0; p < 8; p++) sum += parts[p][lane];
  if (bias) sum += bias[i % N];
  if (addend) sum += addend[i];
  C[i] = activated(f, sum, 1.f);
}

// The same of a few parts: a thread an element.
extern "C" __global__ void __launch_bounds__(256) few_parts(
    const float* work, float* C, const float* bias, const float* addend, int splits, int N, int f, int n) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= n) return;
  float sum = 0.f;
#pragma unroll 4
  for (int z = 0; z < splits; z++) sum += __ldg(work + (size_t)z * n + i);
  if (bias) sum += bias[i % N];
  if (addend) sum += addend[i];
  C[i] = f == 0 ? sum : activated(f, sum, 1.f);
}
