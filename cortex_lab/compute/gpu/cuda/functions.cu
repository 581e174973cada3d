// Activations and their derivatives, as `compute/kernels/activation.py` defines them. The numbers are those of
// FUNCTIONS in `gpu/functions.py`.
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define SELU_ALPHA 1.6732632423543772f
#define SELU_SCALE 1.0507009873554805f
#define GELU_SCALE 0.7978845608028654f
#define GELU_CUBIC 0.044715f

__device__ __forceinline__ float sigmoid_of(float x) { return 0.5f * tanhf(0.5f * x) + 0.5f; }
__device__ __forceinline__ float softplus_of(float x) { return fmaxf(x, 0.f) + log1pf(expf(-fabsf(x))); }
__device__ __forceinline__ float normal_cdf(float x) { return 0.5f * erfcf(x * -0.70710678118654752f); }
// What is not a number stays so, unlike in fmaxf and fminf.
__device__ __forceinline__ float at_least(float x, float low) { return x < low ? low : x; }
__device__ __forceinline__ float at_most(float x, float high) { return x > high ? high : x; }

__device__ __forceinline__ float activation(int f, float x, float alpha) {
  switch (f) {
    case 1: return at_least(x, 0.f);
    case 2: return x > 0.f ? x : alpha * x;
    case 3: return x > 0.f ? x : alpha * expm1f(x);
    case 4: return SELU_SCALE * (x > 0.f ? x : SELU_ALPHA * expm1f(x));
    case 5: return x * normal_cdf(x);
    case 6: return 0.5f * x * (1.f + tanhf(GELU_SCALE * (x + GELU_CUBIC * x * x * x)));
    case 7: return x * sigmoid_of(x);
    case 8: return sigmoid_of(x);
    case 9: return tanhf(x);
    case 10: return at_most(at_least(x, 0.f), 6.f);
    case 11: return at_most(at_least(x + 3.f, 0.f), 6.f) / 6.f;
    case 12: return softplus_of(x);
    case 13: return x / (1.f + fabsf(x));
    case 14: return expf(x);
    case 15: return x * at_most(at_least(x + 3.f, 0.f), 6.f) / 6.f;
    case 16: return x * tanhf(softplus_of(x));
    default: return x;
  }
}

// dy * f'(x), given y = f(x); x is read only where the derivative needs it.
__device__ __forceinline__ float slope(int f, float x, float y, float dy, float alpha) {
  switch (f) {
    case 1: return dy * (y > 0.f ? 1.f : 0.f);
    case 2: return y > 0.f ? dy : alpha * dy;
    case 3: return dy * (y > 0.f ? 1.f : y + alpha);
    case 4: return dy * (y > 0.f ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA);
    case 5: return dy * (normal_cdf(x) + x * (expf(-0.5f * x * x) * 0.3989422804014327f));
    case 6: {
      float bend = tanhf(GELU_SCALE * (x + GELU_CUBIC * x * x * x));
      float slope = GELU_SCALE * (1.f + 3.f * GELU_CUBIC * x * x);
      return dy * 0.5f * (1.f + bend + x * (1.f - bend * bend) * slope);
    }
    case 7: {
      float gate = sigmoid_of(x);
      return dy * gate * (1.f + x * (1.f - gate));
    }
    case 8: return dy * y * (1.f - y);
    case 9: return dy * (1.f - y * y);
    case 10: return dy * (y > 0.f && y < 6.f ? 1.f : 0.f);
    case 11: return dy / 6.f * (y > 0.f && y < 1.f ? 1.f : 0.f);
    case 12: return dy * -expm1f(-y);
    case 13: { float rest = 1.f - fabsf(y); return dy * rest * rest; }
    case 14: return dy * y;
    case 15: return dy * (x <= -3.f ? 0.f : x < 3.f ? x / 3.f + 0.5f : x >= 3.f ? 1.f : x);
    case 16: {
      float gate = tanhf(softplus_of(x));
      return dy * (gate + x * (1.f - gate * gate) * sigmoid_of(x));
    }
    default: return dy;
  }
}

// The same where f is known when the kernel runs. Not inlined: eighteen functions at each place that calls them are
// compiled for ten seconds.
__device__ __noinline__ float activated(int f, float x, float alpha) { return activation(f, x, alpha); }
__device__ __noinline__ float sloped(int f, float x, float y, float dy, float alpha) { return slope(f, x, y, dy, alpha); }
