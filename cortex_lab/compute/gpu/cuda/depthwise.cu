// Depthwise convolution, channels last, as `compute/kernels/depthwise.py` defines it: output channel c * times + m is
// filter m of channel c. A warp has neighbors among the channels, so that it reads lines, and weights stay in the cache.
// KW is the width of the kernel.
extern "C" __global__ void __launch_bounds__(256) forward(
    const float* __restrict__ x, const float* __restrict__ w, float* out, int height, int width, int channels,
    int out_height, int out_width, int times, int kernel_height, int down, int right, int top, int left,
    int dilate_down, int dilate_right, unsigned n) {
  const int filters = channels * times;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    const int filter = i % filters, column = i / filters % out_width, row = i / filters / out_width % out_height;
    const size_t image = i / filters / out_width / out_height;
    const int channel = filter / times, from_row = row * down - top, from_column = column * right - left;
    float sum = 0.f;
    for (int ky = 0; ky < kernel_height; ky++) {
      const int y = from_row + ky * dilate_down;
      if ((unsigned)y >= (unsigned)height) continue;
      const float* const line = x + (image * height + y) * width * channels + channel;
#pragma unroll
      for (int kx = 0; kx < KW; kx++) {
        const int at = from_column + kx * dilate_right;
        if ((unsigned)at < (unsigned)width)
          sum = fmaf(__ldg(line + (size_t)at * channels), __ldg(w + (ky * KW + kx) * filters + filter), sum);
      }
    }
    out[i] = sum;
  }
}

// Of the inputs: every place of theirs collects from the outputs that saw it.
extern "C" __global__ void __launch_bounds__(256) input_gradient(
    const float* __restrict__ dy, const float* __restrict__ w, float* out, int height, int width, int channels,
    int out_height, int out_width, int times, int kernel_height, int down, int right, int top, int left,
    int dilate_down, int dilate_right, unsigned n) {
  const int filters = channels * times;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    const int channel = i % channels, column = i / channels % width, row = i / channels / width % height;
    const size_t image = i / channels / width / height;
    float sum = 0.f;
    for (int ky = 0; ky < kernel_height; ky++) {
      const int y = row + top - ky * dilate_down;
      if (y < 0 || y % down || y / down >= out_height) continue;
      const float* const line = dy + (image * out_height + y / down) * out_width * filters + channel * times;
#pragma unroll
      for (int kx = 0; kx < KW; kx++) {
        const int at = column + left - kx * dilate_right;
        if (at < 0 || at % right || at / right >= out_width) continue;
        const float* const seen = line + (size_t)(at / right) * filters;
        const float* const weight = w + (ky * KW + kx) * filters + channel * times;
        for (int m = 0; m < times; m++) sum = fmaf(__ldg(seen + m), __ldg(weight + m), sum);
      }
    }
    out[i] = sum;
  }
}

// Of the weights, one row of the kernel (blockIdx.z) of 32 filters (blockIdx.x), from a share of the output's places
// (blockIdx.y): `parts` (shares, kernel height, KW, filters), which `product_parts` adds up in their order.
extern "C" __global__ void __launch_bounds__(256) weight_gradient(
    const float* __restrict__ x, const float* __restrict__ dy, float* parts, int height, int width, int channels,
    int out_height, int out_width, int times, int kernel_height, int down, int right, int top, int left,
    int dilate_down, int dilate_right, unsigned places, unsigned share) {
  __shared__ float sums[8][32];
  const int filters = channels * times, lane = threadIdx.x & 31, group = threadIdx.x >> 5, ky = blockIdx.z;
  const int filter = blockIdx.x * 32 + lane, channel = filter / times;
  const unsigned begin = blockIdx.y * share, end = min(places, begin + share);
  float sum[KW];
#pragma unroll
  for (int kx = 0; kx < KW; kx++) sum[kx] = 0.f;
  if (filter < filters)
    for (unsigned place = begin + group; place < end; place += 8) {
      const int column = place % out_width, row = place / out_width % out_height;
      const int y = row * down - top + ky * dilate_down, from_column = column * right - left;
      if ((unsigned)y >= (unsigned)height) continue;
      const size_t image = place / out_width / out_height;
      const float slope = __ldg(dy + (size_t)place * filters + filter);
      const float* const line = x + (image * height + y) * width * channels + channel;
#pragma unroll
      for (int kx = 0; kx < KW; kx++) {
        const int at = from_column + kx * dilate_right;
        if ((unsigned)at < (unsigned)width) sum[kx] = fmaf(__ldg(line + (size_t)at * channels), slope, sum[kx]);
      }
    }
#pragma unroll
  for (int kx = 0; kx < KW; kx++) {
    sums[group][lane] = sum[kx];
    __syncthreads();
    if (!group && filter < filters) {
      float total = 0.f;
      for (int g = 0; g < 8; g++) total += sums[g][lane];
      parts[(((size_t)blockIdx.y * gridDim.z + ky) * KW + kx) * filters + filter] = total;
    }
    __syncthreads();
  }
}
