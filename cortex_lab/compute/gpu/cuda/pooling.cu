// Pooling over windows of an image, channels last: one thread an output going forward, one a pixel going back.
extern "C" __global__ void pool_max(
    const float* x, float* out, int* winner, unsigned n, int height, int width, int channels, int out_height,
    int out_width, int size_y, int size_x, int stride_y, int stride_x, int top, int left) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const int c = i % (unsigned)channels;
  unsigned q = i / (unsigned)channels;
  const int ox = q % (unsigned)out_width;
  q /= (unsigned)out_width;
  const int oy = q % (unsigned)out_height;
  const int image = q / (unsigned)out_height * height;
  float best = -INFINITY;
  int place = 0;
  for (int dy = 0; dy < size_y; dy++)
    for (int dx = 0; dx < size_x; dx++) {
      const int y = oy * stride_y - top + dy, px = ox * stride_x - left + dx;
      if ((unsigned)y >= (unsigned)height || (unsigned)px >= (unsigned)width) continue;
      const float seen = x[((image + y) * width + px) * channels + c];
      // No comparison with NaN is true, and NaN is to come out of a window that it is in.
      if (seen > best || seen != seen) { best = seen; place = dy * size_x + dx; }
    }
  out[i] = best;
  if (winner) winner[i] = place;
}

extern "C" __global__ void pool_max_gradient(
    const float* dy, const int* winner, float* out, unsigned n, int height, int width, int channels, int out_height,
    int out_width, int size_y, int size_x, int stride_y, int stride_x, int top, int left) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const int c = i % (unsigned)channels;
  unsigned q = i / (unsigned)channels;
  const int x = q % (unsigned)width + left;
  q /= (unsigned)width;
  const int y = q % (unsigned)height + top;
  const int image = q / (unsigned)height * out_height;
  float sum = 0.f;
  // Windows that see the pixel: those that begin at most size - 1 before it.
  for (int oy = max(0, (y - size_y + stride_y) / stride_y); oy * stride_y <= y && oy < out_height; oy++)
    for (int ox = max(0, (x - size_x + stride_x) / stride_x); ox * stride_x <= x && ox < out_width; ox++) {
      const int a = y - oy * stride_y, b = x - ox * stride_x;
      if (a >= size_y || b >= size_x) continue;
      const int o = ((image + oy) * out_width + ox) * channels + c;
      if (winner[o] == a * size_x + b) sum += dy[o];
    }
  out[i] = sum;
}
