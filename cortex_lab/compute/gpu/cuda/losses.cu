// A warp takes a row. Blocks share out the rows; the last to arrive adds up what each found, in order.
__device__ __forceinline__ float highest(float v) {
  for (int o = 16; o; o >>= 1) v = at_least(__shfl_xor_sync(~0u, v, o), v);
  return v;
}
__device__ __forceinline__ float summed(float v) {
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(~0u, v, o);
  return v;
}

extern "C" __global__ void __launch_bounds__(256) softmax_cross_entropy(
    const float* logits, const long long* classes, const float* weights, float* rows, float* gradient, double* found,
    double* work, unsigned* arrived, int count, int width) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  double loss = 0., hits = 0.;
  bool unknown_class = false;
  for (int r = blockIdx.x * 8 + warp; r < count; r += gridDim.x * 8) {
    const float* x = logits + (size_t)r * width;
    const long long wanted = classes[r];
    float most = -INFINITY;
    bool broken = false;
    for (int c = lane; c < width; c += 32) { most = at_least(x[c], most); broken = broken || x[c] != x[c]; }
    most = highest(most);
    // The first of equals is where a row is highest; the first that is no number, if there is one.
    broken = __any_sync(~0u, broken);
    int place = width;
    float total = 0.f;
    for (int c = lane; c < width; c += 32) {
      total += expf(x[c] - most);
      if (place == width && (broken ? x[c] != x[c] : x[c] == most)) place = c;
    }
    if (broken) total = NAN;
    total = summed(total);
    for (int o = 16; o; o >>= 1) place = min(place, __shfl_xor_sync(~0u, place, o));
    const bool exists = wanted < width, known = wanted >= 0 && exists;
    unknown_class = unknown_class || !exists;
    const float own = known ? logf(total) - (x[wanted] - most) : 0.f, weight = known ? weights[r] : 0.f;
    if (gradient)
      for (int c = lane; c < width; c += 32)
        gradient[(size_t)r * width + c] = (expf(x[c] - most) / total - (c == wanted ? 1.f : 0.f)) * weight;
    if (lane == 0) {
      rows[r] = own;
      loss += (double)weights[r] * own;
      hits += place == wanted;
    }
  }
  __shared__ double parts[8][2];
  __shared__ bool bad[8];
  if (lane == 0) { parts[warp][0] = loss; parts[warp][1] = hits; bad[warp] = unknown_class; }
  __syncthreads();
  if (threadIdx.x == 0) {
    loss = hits = 0.;
    bool worst = false;
    for (int w = 0; w < 8; w++) { loss += parts[w][0]; hits += parts[w][1]; worst = worst || bad[w]; }
    work[2 * blockIdx.x] = loss;
    work[2 * blockIdx.x + 1] = worst ? -INFINITY : hits;
    __threadfence();
    if (atomicAdd(arrived, 1u) == gridDim.x - 1) {
      *arrived = 0;
      __threadfence();
      loss = hits = 0.;
      for (int b = 0; b < gridDim.x; b++) { loss += __ldcg(work + 2 * b); hits += __ldcg(work + 2 * b + 1); }
      found[0] = loss;
      found[1] = hits < 0. ? -1. : hits;
    }
  }
}
