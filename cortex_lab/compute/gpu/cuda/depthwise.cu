// Depthwise convolution, channels last, as `compute/kernels/depthwise.py` defines it: output channel c * times + m is
// filter m of channel c. A warp has neighbors among the channels, so that it reads lines, and weights stay in the cache.
// KW is the width of the kernel, DOWN and RIGHT are the strides; a line is one row of one image. What lies outside a
// picture is a zero, and takes part: a weight that is not a number shows there as well.
extern "C" __global__ void __launch_bounds__(256) forward(
    const float* __restrict__ x, const float* __restrict__ w, float* out, int height, int width, int channels,
    int out_height, int out_width, int times, int kernel_height, int top, int left, int dilate_down,
    int dilate_right, int lines) {
  const int filters = channels * times, wide = out_width * filters;
  for (int line = blockIdx.y; line < lines; line += gridDim.y) {
    const int row = line % out_height;
    const long long image = line / out_height;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < wide; i += gridDim.x * 256) {
      const int column = i / filters, filter = i - column * filters, from_column = column * RIGHT - left;
      float sum = 0.f;
      for (int ky = 0; ky < kernel_height; ky++) {
        const int y = row * DOWN - top + ky * dilate_down;
        const int reach = (unsigned)y < (unsigned)height ? width : 0;
        const float* const seen = x + (image * height + y) * width * channels + filter / times;
#pragma unroll
        for (int kx = 0; kx < KW; kx++) {
          const int at = from_column + kx * dilate_right;
          const float value = (unsigned)at < (unsigned)reach ? __ldg(seen + (size_t)at * channels) : 0.f;
          sum = fmaf(value, __ldg(w + (ky * KW + kx) * filters + filter), sum);
        }
      }
      out[(size_t)line * wide + i] = sum;
    }
  }
}

// Of the inputs: every place of theirs collects from the outputs that saw it.
extern "C" __global__ void __launch_bounds__(256) input_gradient(
    const float* __restrict__ dy, const float* __restrict__ w, float* out, int height, int width, int channels,
    int out_height, int out_width, int times, int kernel_height, int top, int left, int dilate_down,
    int dilate_right, int lines) {
  const int filters = channels * times, wide = width * channels;
  for (int line = blockIdx.y; line < lines; line += gridDim.y) {
    const int row = line % height;
    const long long image = line / height;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < wide; i += gridDim.x * 256) {
      const int column = i / channels, filter = (i - column * channels) * times;
      float sum = 0.f;
      for (int ky = 0; ky < kernel_height; ky++) {
        const int y = row + top - ky * dilate_down;
        if (y < 0 || y % DOWN || y / DOWN >= out_height) continue;
        const float* const slopes = dy + (image * out_height + y / DOWN) * out_width * filters + filter;
#pragma unroll
        for (int kx = 0; kx < KW; kx++) {
          const int at = column + left - kx * dilate_right;
          if (at < 0 || at % RIGHT || at / RIGHT >= out_width) continue;
          const float* const slope = slopes + (size_t)(at / RIGHT) * filters;
          const float* const weight = w + (ky * KW + kx) * filters + filter;
          for (int m = 0; m < times; m++) sum = fmaf(__ldg(slope + m), __ldg(weight + m), sum);
        }
      }
      out[(size_t)line * wide + i] = sum;
    }
  }
}

// Of the weights, one row of the kernel (blockIdx.z) of 32 filters (blockIdx.x), from a share of the output's lines
// (blockIdx.y): `parts` (shares, kernel height, KW, filters), which `product_parts` adds up in their order.
extern "C" __global__ void __launch_bounds__(256) weight_gradient(
    const float* __restrict__ x, const float* __restrict__ dy, float* parts, int height, int width, int channels,
    int out_height, int out_width, int times, int kernel_height, int top, int left, int dilate_down,
    int dilate_right, int lines, int share) {
  __shared__ float sums[8][32];
  const int filters = channels * times, lane = threadIdx.x & 31, group = threadIdx.x >> 5, ky = blockIdx.z;
  const int filter = blockIdx.x * 32 + lane, channel = filter / times;
  const int begin = blockIdx.y * share, end = min(lines, begin + share);
  float sum[KW];
#pragma unroll
  for (int kx = 0; kx < KW; kx++) sum[kx] = 0.f;
  for (int line = begin; line < end && filter < filters; line++) {
    const int y = line % out_height * DOWN - top + ky * dilate_down;
    const int reach = (unsigned)y < (unsigned)height ? width : 0;
    const float* const seen = x + ((long long)(line / out_height) * height + y) * width * channels + channel;
    const float* const slopes = dy + (size_t)line * out_width * filters + filter;
#pragma unroll 4
    for (int column = group; column < out_width; column += 8) {
      const float slope = __ldg(slopes + (size_t)column * filters);
      const int from_column = column * RIGHT - left;
#pragma unroll
      for (int kx = 0; kx < KW; kx++) {
        const int at = from_column + kx * dilate_right;
        const float value = (unsigned)at < (unsigned)reach ? __ldg(seen + (size_t)at * channels) : 0.f;
        sum[kx] = fmaf(value, slope, sum[kx]);
      }
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
