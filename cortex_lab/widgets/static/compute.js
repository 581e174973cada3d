// A small network, computed in the page: the same numbers as the kernel's, up to the last digits.

const erf = (x) => {
  // Abramowitz and Stegun 7.1.26; off by 1.5e-7 at most.
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
};
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const hardSigmoid = (x) => Math.min(Math.max(x + 3, 0), 6) / 6;

const ACTIVATE = {
  linear: (x) => x,
  relu: (x) => (x > 0 ? x : x === x ? 0 : x),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  leaky_relu: (x, alpha) => (x > 0 ? x : alpha * x),
  elu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  sigmoid,
  tanh: Math.tanh,
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  exponential: Math.exp,
  swish: (x) => x * sigmoid(x),
  hard_sigmoid: hardSigmoid,
  hard_swish: (x) => x * hardSigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
};

// In place; softmax runs over the last axis, of `width`.
function activated(values, name, width, alpha = 1) {
  if (name === "softmax" || name === "log_softmax") {
    for (let at = 0; at < values.length; at += width) {
      const row = values.subarray(at, at + width);
      const top = Math.max(...row);
      const whole = row.reduce((sum, value) => sum + Math.exp(value - top), 0);
      for (let i = 0; i < width; i++) row[i] = name === "softmax" ? Math.exp(row[i] - top) / whole : row[i] - top - Math.log(whole);
    }
    return values;
  }
  const of = ACTIVATE[name];
  for (let i = 0; i < values.length; i++) values[i] = of(values[i], alpha);
  return values;
}

// `visit(out, within, pixel)` for each window of an output and each place in it that lies in the picture.
function throughWindows(step, dilation, visit) {
  const [[rows, columns], [height, width], [down, across]] = [step.shape, step.from_shape, step.strides];
  const [[top], [left]] = step.padding;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let a = 0; a < step.window[0]; a++) {
        const y = i * down - top + a * dilation[0];
        if (y < 0 || y >= height) continue;
        for (let b = 0; b < step.window[1]; b++) {
          const x = j * across - left + b * dilation[1];
          if (x >= 0 && x < width) visit(i * columns + j, a * step.window[1] + b, y * width + x);
        }
      }
    }
  }
}

const sizeOf = (shape) => shape.reduce((product, length) => product * length, 1);

const COMPUTE = {
  same: (step, x) => x,

  dense(step, x, { kernel, bias }) {
    const [depth, units] = [step.from_shape.at(-1), step.shape.at(-1)];
    const y = new Float64Array(sizeOf(step.shape));
    for (let row = 0; row < x.length / depth; row++) {
      for (let unit = 0; unit < units; unit++) {
        let sum = bias ? bias[unit] : 0;
        for (let i = 0; i < depth; i++) sum += x[row * depth + i] * kernel[i * units + unit];
        y[row * units + unit] = sum;
      }
    }
    return activated(y, step.activation, units);
  },

  convolution(step, x, { kernel, bias }) {
    const [channels, filters] = [step.from_shape[2], step.shape[2]];
    const [depth, each] = [channels / step.groups, filters / step.groups];
    const y = new Float64Array(sizeOf(step.shape));
    if (bias) for (let i = 0; i < y.length; i++) y[i] = bias[i % filters];
    throughWindows(step, step.dilation, (out, within, pixel) => {
      for (let filter = 0; filter < filters; filter++) {
        const first = Math.floor(filter / each) * depth;
        let sum = 0;
        for (let c = 0; c < depth; c++) sum += x[pixel * channels + first + c] * kernel[(within * depth + c) * filters + filter];
        y[out * filters + filter] += sum;
      }
    });
    return activated(y, step.activation, filters);
  },

  max(step, x) {
    const channels = step.shape[2];
    const y = new Float64Array(sizeOf(step.shape)).fill(-Infinity);
    throughWindows(step, [1, 1], (out, within, pixel) => {
      for (let c = 0; c < channels; c++) y[out * channels + c] = Math.max(y[out * channels + c], x[pixel * channels + c]);
    });
    return y;
  },

  average(step, x) {
    const channels = step.shape[2];
    const y = new Float64Array(sizeOf(step.shape));
    const counts = new Float64Array(y.length / channels);
    throughWindows(step, [1, 1], (out, within, pixel) => {
      counts[out] += 1;
      for (let c = 0; c < channels; c++) y[out * channels + c] += x[pixel * channels + c];
    });
    const all = step.window[0] * step.window[1];
    return y.map((sum, i) => sum / (step.counted ? all : counts[Math.floor(i / channels)]));
  },

  global_average(step, x) {
    const channels = step.from_shape.at(-1);
    const y = new Float64Array(channels);
    x.forEach((value, i) => { y[i % channels] += (value * channels) / x.length; });
    return y;
  },

  global_max(step, x) {
    const channels = step.from_shape.at(-1);
    const y = new Float64Array(channels).fill(-Infinity);
    x.forEach((value, i) => { y[i % channels] = Math.max(y[i % channels], value); });
    return y;
  },

  // The scale and shift of a channel, or of every value.
  affine: (step, x, { scale, shift }) => Float64Array.from(x, (value, i) => value * scale[i % scale.length] + shift[i % scale.length]),

  normalize(step, x, { gamma, beta }) {
    const y = Float64Array.from(x);
    for (let at = 0; at < y.length; at += step.features) {
      const row = y.subarray(at, at + step.features);
      const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
      const spread = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
      for (let i = 0; i < row.length; i++) {
        row[i] = ((row[i] - mean) / Math.sqrt(spread + step.epsilon)) * (gamma ? gamma[i] : 1) + (beta ? beta[i] : 0);
      }
    }
    return y;
  },

  // Of a row (places, channels), each group of neighboring channels over all places.
  group_normalize(step, x, { gamma, beta }) {
    const [channels, size] = [step.features, step.features / step.groups];
    const y = new Float64Array(x.length);
    for (let first = 0; first < channels; first += size) {
      const mine = [];
      for (let i = 0; i < x.length; i++) if (Math.floor((i % channels) / size) * size === first) mine.push(i);
      const mean = mine.reduce((sum, i) => sum + x[i], 0) / mine.length;
      const spread = mine.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / mine.length;
      for (const i of mine) {
        const c = i % channels;
        y[i] = ((x[i] - mean) / Math.sqrt(spread + step.epsilon)) * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
      }
    }
    return y;
  },

  rms_normalize(step, x, { scale }) {
    const y = Float64Array.from(x);
    for (let at = 0; at < y.length; at += step.features) {
      const row = y.subarray(at, at + step.features);
      const squares = row.reduce((sum, value) => sum + value * value, 0) / row.length;
      for (let i = 0; i < row.length; i++) row[i] = (row[i] / Math.sqrt(squares + step.epsilon)) * scale[i];
    }
    return y;
  },

  local_response(step, x) {
    const channels = step.shape.at(-1);
    return Float64Array.from(x, (value, i) => {
      const c = i % channels;
      const [low, high] = [Math.max(0, c - Math.floor(step.size / 2)), Math.min(channels - 1, c + Math.floor((step.size - 1) / 2))];
      let squares = 0;
      for (let each = low; each <= high; each++) squares += x[i - c + each] ** 2;
      return value / (step.k + (step.alpha / step.size) * squares) ** step.beta;
    });
  },

  limited_relu: (step, x) => Float64Array.from(x, (value) =>
    value < step.threshold ? step.alpha * (value - step.threshold) : Math.min(value, step.limit ?? Infinity)),

  prelu: (step, x, { alpha }) => Float64Array.from(x, (value, i) => (value > 0 ? value : alpha[i] * value)),

  // Over every so many values that lie `places` apart.
  softmax(step, x) {
    const { classes, places } = step;
    const [y, row] = [new Float64Array(x.length), new Float64Array(classes)];
    for (let at = 0; at < x.length; at += classes * places) {
      for (let place = 0; place < places; place++) {
        for (let i = 0; i < classes; i++) row[i] = x[at + i * places + place];
        activated(row, step.activation, classes);
        for (let i = 0; i < classes; i++) y[at + i * places + place] = row[i];
      }
    }
    return y;
  },

  activation: (step, x) => activated(Float64Array.from(x), step.activation, step.shape.at(-1), step.alpha),
};

// What every layer gives for one input, by name.
function computeNetwork(program, input, arraysOf) {
  const found = { [program.input]: Float64Array.from(input) };
  program.steps.forEach((step, place) => {
    found[step.name] = COMPUTE[step.kind](step, found[step.of], arraysOf(place));
  });
  return found;
}
