// Optimizers over the flat vector, four numbers a thread. What changes from update to update is a number, or in an
// array () that is read here.
struct Four { float v[4]; };
__device__ __forceinline__ Four four(const float* a, int i, int n) {
  Four f;
  if (4 * i + 3 < n && ((unsigned long long)a & 15) == 0) {
    float4 q = *(const float4*)(a + 4 * i);
    f.v[0] = q.x; f.v[1] = q.y; f.v[2] = q.z; f.v[3] = q.w;
  } else {
    for (int j = 0; j < 4; j++) f.v[j] = 4 * i + j < n ? a[4 * i + j] : 0.f;
  }
  return f;
}
__device__ __forceinline__ void put(float* a, int i, int n, const Four& f) {
  if (4 * i + 3 < n && ((unsigned long long)a & 15) == 0)
    *(float4*)(a + 4 * i) = make_float4(f.v[0], f.v[1], f.v[2], f.v[3]);
  else
    for (int j = 0; j < 4; j++) if (4 * i + j < n) a[4 * i + j] = f.v[j];
}
// Not finite: the gradient, or a parameter that was before.
__device__ __forceinline__ bool spoiled(float before, float after, float gradient) {
  return !isfinite(gradient) || (isfinite(before) && !isfinite(after));
}

extern "C" __global__ void __launch_bounds__(256) update_adam(
    float* params, const float* gradient, float* mean, float* square, const double* rate_at, double rate,
    double beta_1, double beta_2, double epsilon, const long long* step_at, long long step, double decay, bool* finite,
    int n) {
  __shared__ float said[3];
  const int i = blockIdx.x * 256 + threadIdx.x;
  Four p = four(params, i, n), g = four(gradient, i, n), m = four(mean, i, n), s = four(square, i, n);
  if (threadIdx.x == 0) {
    if (rate_at) rate = *rate_at;
    if (step_at) step = *step_at;
    said[0] = (float)(rate / (1. - pow(beta_1, (double)step)));
    said[1] = (float)(1. - pow(beta_2, (double)step));
    said[2] = (float)(1. - rate * decay);
  }
  __syncthreads();
  const float b1 = beta_1, c1 = 1. - beta_1, b2 = beta_2, c2 = 1. - beta_2, e = epsilon;
  const float length = said[0], young = said[1], shrink = said[2];
  bool bad = false;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const float before = p.v[j];
    m.v[j] = m.v[j] * b1 + c1 * g.v[j];
    s.v[j] = s.v[j] * b2 + c2 * g.v[j] * g.v[j];
    if (decay != 0.) p.v[j] *= shrink;
    p.v[j] -= length * m.v[j] / (sqrtf(s.v[j] / young) + e);
    bad = bad || (4 * i + j < n && spoiled(before, p.v[j], g.v[j]));
  }
  put(params, i, n, p);
  put(mean, i, n, m);
  put(square, i, n, s);
  if (bad && finite) *finite = false;
}

extern "C" __global__ void __launch_bounds__(256) update_sgd(
    float* params, const float* gradient, float* velocity, const double* rate_at, double rate, double momentum,
    int nesterov, bool* finite, int n) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  Four p = four(params, i, n), g = four(gradient, i, n), v = g;
  if (velocity) v = four(velocity, i, n);
  const float length = rate_at ? *rate_at : rate, keep = momentum;
  bool bad = false;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const float before = p.v[j];
    if (velocity) v.v[j] = v.v[j] * keep + g.v[j];
    p.v[j] -= length * (velocity && nesterov ? g.v[j] + keep * v.v[j] : v.v[j]);
    bad = bad || (4 * i + j < n && spoiled(before, p.v[j], g.v[j]));
  }
  put(params, i, n, p);
  if (velocity) put(velocity, i, n, v);
  if (bad && finite) *finite = false;
}
