#include "exchange/c_functions.hpp"

#include <string_view>
#include <vector>

namespace ztilde::c_export {
namespace {

struct Function {
  std::string_view name;
  std::vector<std::string_view> calls;
  std::string_view text;
};

// In an order in which each comes after what it calls.
const std::vector<Function>& all_functions() {
  static const std::vector<Function> functions = {
      {"begin", {}, R"(
/* z[o] = bias[o], or 0. */
static void $_begin(const float *bias, size_t outputs, float *z) {
  size_t o;
  for (o = 0; o < outputs; ++o) z[o] = bias ? bias[o] : 0.0f;
}
)"},
      {"add_products", {}, R"(
/* z[o] += sum over i of x[i] * w[i][o], in the order of i. */
static void $_add_products(const float *restrict x, size_t inputs, const float *restrict w, size_t outputs,
    float *restrict z) {
  size_t o;
  for (; inputs >= 4; inputs -= 4) {
    const float x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
    for (o = 0; o < outputs; ++o) {
      z[o] = z[o] + x0 * w[o] + x1 * w[outputs + o] + x2 * w[2 * outputs + o] + x3 * w[3 * outputs + o];
    }
    x += 4;
    w += 4 * outputs;
  }
  for (; inputs > 0; --inputs) {
    const float x0 = *x++;
    for (o = 0; o < outputs; ++o) z[o] += x0 * w[o];
    w += outputs;
  }
}
)"},
      {"add_products_of_4", {}, R"(
/* The same for 4 pixels, whose inputs are `step` apart. */
static void $_add_products_of_4(const float *restrict x, size_t step, size_t inputs, const float *restrict w,
    size_t outputs, float *restrict z) {
  size_t o;
  for (; inputs >= 4; inputs -= 4) {
    const float *const xb = x + step, *const xc = xb + step, *const xd = xc + step;
    const float a0 = x[0], a1 = x[1], a2 = x[2], a3 = x[3];
    const float b0 = xb[0], b1 = xb[1], b2 = xb[2], b3 = xb[3];
    const float c0 = xc[0], c1 = xc[1], c2 = xc[2], c3 = xc[3];
    const float d0 = xd[0], d1 = xd[1], d2 = xd[2], d3 = xd[3];
    for (o = 0; o < outputs; ++o) {
      const float w0 = w[o], w1 = w[outputs + o], w2 = w[2 * outputs + o], w3 = w[3 * outputs + o];
      z[o] = z[o] + a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3;
      z[outputs + o] = z[outputs + o] + b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3;
      z[2 * outputs + o] = z[2 * outputs + o] + c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3;
      z[3 * outputs + o] = z[3 * outputs + o] + d0 * w0 + d1 * w1 + d2 * w2 + d3 * w3;
    }
    x += 4;
    w += 4 * outputs;
  }
  for (; inputs > 0; --inputs) {
    const float a0 = x[0], b0 = x[step], c0 = x[2 * step], d0 = x[3 * step];
    for (o = 0; o < outputs; ++o) {
      const float w0 = w[o];
      z[o] += a0 * w0;
      z[outputs + o] += b0 * w0;
      z[2 * outputs + o] += c0 * w0;
      z[3 * outputs + o] += d0 * w0;
    }
    ++x;
    w += outputs;
  }
}
)"},
      {"dense", {"begin", "add_products"}, R"(
/* z[o] = bias[o] + sum over i of x[i] * w[i][o]. */
static void $_dense(const float *x, size_t inputs, const float *w, const float *bias, size_t outputs,
    float *z) {
  $_begin(bias, outputs, z);
  $_add_products(x, inputs, w, outputs, z);
}
)"},
      {"conv2d", {"begin", "add_products", "add_products_of_4"}, R"(
/* x [height][width][channels], w [kernel][kernel][channels][outputs], z [height'][width'][outputs]. Of a
   window the channels of all pixels in a row lie side by side: they are the inputs of one product. */
static void $_conv2d(const float *x, size_t height, size_t width, size_t channels, const float *w,
    const float *bias, size_t outputs, size_t kernel, size_t stride, size_t padding,
    float *z) {
  const size_t out_height = (height + 2 * padding - kernel) / stride + 1;
  const size_t out_width = (width + 2 * padding - kernel) / stride + 1;
  size_t y, p, u, count;
  for (y = 0; y < out_height; ++y) {
    for (p = 0; p < out_width; p += count) {
      /* Where the window begins and ends, counted in the padded row. */
      const size_t left = p * stride;
      const size_t begin = left < padding ? padding : left;
      const size_t end = left + kernel > width + padding ? width + padding : left + kernel;
      const int four = left >= padding && p + 4 <= out_width && left + 3 * stride + kernel <= width + padding;
      count = four ? 4 : 1;
      for (u = 0; u < count; ++u) $_begin(bias, outputs, z + u * outputs);
      for (u = 0; u < kernel; ++u) {
        const size_t row = y * stride + u;
        const float *from, *weights;
        if (row < padding || row >= height + padding) continue;
        from = x + ((row - padding) * width + (begin - padding)) * channels;
        weights = w + (u * kernel + (begin - left)) * channels * outputs;
        if (four) {
          $_add_products_of_4(from, stride * channels, (end - begin) * channels, weights, outputs, z);
        } else {
          $_add_products(from, (end - begin) * channels, weights, outputs, z);
        }
      }
      z += count * outputs;
    }
  }
}
)"},
      {"depthwise", {"begin"}, R"(
/* Each channel by itself: w [kernel][kernel][channels]. */
static void $_depthwise(const float *restrict x, size_t height, size_t width, size_t channels,
    const float *restrict w, const float *bias, size_t kernel, size_t stride,
    size_t padding, float *restrict z) {
  const size_t out_height = (height + 2 * padding - kernel) / stride + 1;
  const size_t out_width = (width + 2 * padding - kernel) / stride + 1;
  size_t y, p, u, v, c;
  for (y = 0; y < out_height; ++y) {
    for (p = 0; p < out_width; ++p) {
      $_begin(bias, channels, z);
      for (u = 0; u < kernel; ++u) {
        const size_t row = y * stride + u;
        if (row < padding || row >= height + padding) continue;
        for (v = 0; v < kernel; ++v) {
          const size_t column = p * stride + v;
          const float *from, *weights;
          if (column < padding || column >= width + padding) continue;
          from = x + ((row - padding) * width + (column - padding)) * channels;
          weights = w + (u * kernel + v) * channels;
          for (c = 0; c < channels; ++c) z[c] += from[c] * weights[c];
        }
      }
      z += channels;
    }
  }
}
)"},
      {"max_pool", {}, R"(
/* The largest of each window; a NaN is larger than any number. */
static void $_max_pool(const float *restrict x, size_t height, size_t width, size_t channels, size_t kernel,
    size_t stride, float *restrict y) {
  const size_t out_height = (height - kernel) / stride + 1, out_width = (width - kernel) / stride + 1;
  size_t r, p, u, v, c;
  for (r = 0; r < out_height; ++r) {
    for (p = 0; p < out_width; ++p) {
      for (u = 0; u < kernel; ++u) {
        for (v = 0; v < kernel; ++v) {
          const float *const from = x + ((r * stride + u) * width + p * stride + v) * channels;
          if (u + v == 0) {
            for (c = 0; c < channels; ++c) y[c] = from[c];
          } else {
            for (c = 0; c < channels; ++c) y[c] = from[c] <= y[c] || isnan(y[c]) ? y[c] : from[c];
          }
        }
      }
      y += channels;
    }
  }
}
)"},
      {"average_pool", {}, R"(
/* The mean of each window. */
static void $_average_pool(const float *restrict x, size_t height, size_t width, size_t channels,
    size_t kernel_height, size_t kernel_width, size_t stride, float *restrict y) {
  const size_t out_height = (height - kernel_height) / stride + 1;
  const size_t out_width = (width - kernel_width) / stride + 1;
  const float share = 1.0f / (float)(kernel_height * kernel_width);
  size_t r, p, u, v, c;
  for (r = 0; r < out_height; ++r) {
    for (p = 0; p < out_width; ++p) {
      for (c = 0; c < channels; ++c) y[c] = 0.0f;
      for (u = 0; u < kernel_height; ++u) {
        for (v = 0; v < kernel_width; ++v) {
          const float *const from = x + ((r * stride + u) * width + p * stride + v) * channels;
          for (c = 0; c < channels; ++c) y[c] += from[c];
        }
      }
      for (c = 0; c < channels; ++c) y[c] *= share;
      y += channels;
    }
  }
}
)"},
      {"copy", {}, R"(
static void $_copy(const float *x, size_t count, float *y) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] = x[i];
}
)"},
      {"normalise", {}, R"(
/* Of raw numbers, which may lie far from 0: the mean goes first. */
static void $_normalise(float *restrict y, size_t pixels, size_t channels, const float *restrict mean,
    const float *restrict scale, const float *restrict shift) {
  size_t p, c;
  for (p = 0; p < pixels; ++p, y += channels) {
    for (c = 0; c < channels; ++c) y[c] = (y[c] - mean[c]) * scale[c] + shift[c];
  }
}
)"},
      {"batch_norm", {}, R"(
static void $_batch_norm(float *restrict y, size_t pixels, size_t channels, const float *restrict scale,
    const float *restrict shift) {
  size_t p, c;
  for (p = 0; p < pixels; ++p, y += channels) {
    for (c = 0; c < channels; ++c) y[c] = y[c] * scale[c] + shift[c];
  }
}
)"},
      {"add", {}, R"(
static void $_add(float *y, size_t count, const float *x) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] += x[i];
}
)"},
      {"relu", {}, R"(
static void $_relu(float *y, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] = y[i] <= 0.0f ? 0.0f : y[i];
}
)"},
      {"leaky_relu", {}, R"(
static void $_leaky_relu(float *y, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] = y[i] <= 0.0f ? 0.01f * y[i] : y[i];
}
)"},
      {"logistic", {}, R"(
/* 1 / (1 + exp(-z)); exp of a negative number only, so that it cannot overflow. */
static float $_logistic(float z) {
  const float e = expf(-fabsf(z));
  return z < 0.0f ? e / (1.0f + e) : 1.0f / (1.0f + e);
}
)"},
      {"sigmoid", {"logistic"}, R"(
static void $_sigmoid(float *y, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] = $_logistic(y[i]);
}
)"},
      {"tanh", {}, R"(
static void $_tanh(float *y, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] = tanhf(y[i]);
}
)"},
      {"silu", {"logistic"}, R"(
static void $_silu(float *y, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] *= $_logistic(y[i]);
}
)"},
      {"gelu", {}, R"(
/* z times the normal distribution at z; erfc keeps the left tail that 1 + erf would cancel. */
static void $_gelu(float *y, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) y[i] *= 0.5f * erfcf(-0.70710678f * y[i]);
}
)"},
      {"softmax", {}, R"(
static void $_softmax(float *y, size_t count) {
  double sum = 0.0;
  float largest = y[0], share;
  size_t i;
  for (i = 1; i < count; ++i) largest = y[i] > largest ? y[i] : largest;
  for (i = 0; i < count; ++i) {
    y[i] = expf(y[i] - largest);
    sum += (double)y[i];
  }
  share = (float)(1.0 / sum);
  for (i = 0; i < count; ++i) y[i] *= share;
}
)"}};
  return functions;
}

}  // namespace

std::string definitions(const Functions& called) {
  const std::vector<Function>& functions = all_functions();
  Functions needed = called;
  std::string text;
  for (auto function = functions.rbegin(); function != functions.rend(); ++function) {
    if (!needed.contains(std::string(function->name))) continue;
    for (const std::string_view callee : function->calls) needed.emplace(callee);
    text.insert(0, function->text);
  }
  return text;
}

}  // namespace ztilde::c_export
