// Element by element, over contiguous arrays of n numbers.
#define EACH for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)

extern "C" __global__ void activate_all(int f, float alpha, const float* x, float* out, unsigned n) {
  EACH out[i] = activated(f, x[i], alpha);
}
extern "C" __global__ void slope_all(int f, float alpha, const float* x, const float* y, const float* dy, float* out, unsigned n) {
  EACH out[i] = sloped(f, x ? x[i] : 0.f, y[i], dy[i], alpha);
}
extern "C" __global__ void bias_activate_all(int f, float alpha, float* y, const float* bias, int width, unsigned n) {
  EACH y[i] = activated(f, bias ? y[i] + bias[i % (unsigned)width] : y[i], alpha);
}
extern "C" __global__ void add_all(const float* a, const float* b, float* out, unsigned n) { EACH out[i] = a[i] + b[i]; }
extern "C" __global__ void multiply_all(const float* a, const float* b, float factor, float* out, unsigned n) {
  EACH out[i] = a[i] * (b ? b[i] : factor);
}
extern "C" __global__ void copy_all(const unsigned* a, unsigned* out, unsigned n) { EACH out[i] = a[i]; }
extern "C" __global__ void finite_all(const float* a, bool* finite, unsigned n) {
  bool good = true;
  EACH good = good && isfinite(a[i]);
  if (!good) *finite = false;
}
// Numbers () of eight bytes or one, each written as it is.
extern "C" __global__ void write_numbers(
    int count, void* p0, long long v0, int s0, void* p1, long long v1, int s1, void* p2, long long v2, int s2, void* p3,
    long long v3, int s3, void* p4, long long v4, int s4, void* p5, long long v5, int s5) {
  void* p[6] = {p0, p1, p2, p3, p4, p5};
  long long v[6] = {v0, v1, v2, v3, v4, v5};
  int s[6] = {s0, s1, s2, s3, s4, s5};
#pragma unroll
  for (int i = 0; i < 6; i++)
    if (i < count) {
      if (s[i] == 8) *(long long*)p[i] = v[i];
      else *(char*)p[i] = (char)v[i];
    }
}
extern "C" __global__ void pick_rows(
    const void* a, const long long* rows, void* out, int kind, int width, float scale, unsigned n) {
  EACH {
    const long long from = rows[i / (unsigned)width] * width + i % (unsigned)width;
    if (kind == 0) ((float*)out)[i] = scale * ((const unsigned char*)a)[from];
    else if (kind == 1) ((float*)out)[i] = ((const float*)a)[from];
    else if (kind == 2) ((long long*)out)[i] = ((const long long*)a)[from];
    else ((long long*)out)[i] = ((const unsigned char*)a)[from];
  }
}
