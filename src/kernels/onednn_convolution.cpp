#include "kernels/onednn_convolution.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/one_openmp_thread.hpp"
#include "kernels/onednn_support.hpp"

namespace ztilde::kernels {
namespace {

using dnnl::memory;

// Of oneDNN's implementations the first with the highest mark. The description that `all` was made from must
// still be there: oneDNN reads it on the way.
enum class Mark { never, will_do, best };
template <class PrimitiveDesc, class MarkOf>
PrimitiveDesc choose(PrimitiveDesc all, const MarkOf& mark_of) {
  std::optional<PrimitiveDesc> chosen;
  do {
    const Mark mark = mark_of(std::string_view(all.impl_info_str()));
    if (mark == Mark::best) return all;
    if (mark == Mark::will_do && !chosen) chosen = all;
  } while (all.next_impl());
  if (!chosen) throw dnnl::error(dnnl_unimplemented, "none of its implementations will do");
  return *chosen;
}

// The inner product, for windows of the whole image: an image's bits and the layout of the weights depend on
// the number of images.
bool mixes_images(std::string_view implementation) { return implementation.starts_with("ip:"); }

// What oneDNN is told about a convolution, and the primitive it makes of it.
struct Described {
  memory::desc x, y, weight, plain_weight, bias;
  memory::dims strides, padding;

  explicit Described(const ConvolutionShape& s) {
    const auto dim = onednn_dim;
    const auto image = [&](std::size_t height, std::size_t width, std::size_t channels) -> memory::desc {
      return {{dim(s.images), dim(channels), dim(height), dim(width)},
              memory::data_type::f32,
              memory::format_tag::nhwc};
    };
    x = image(s.height, s.width, s.inputs);
    y = image(s.out_height(), s.out_width(), s.outputs);
    const memory::dims window =
        s.depthwise ? memory::dims{dim(s.outputs), 1, 1, dim(s.kernel), dim(s.kernel)}
                    : memory::dims{dim(s.outputs), dim(s.inputs), dim(s.kernel), dim(s.kernel)};
    weight = {window, memory::data_type::f32, memory::format_tag::any};
    plain_weight = {window, memory::data_type::f32,
                    s.depthwise ? memory::format_tag::goihw : memory::format_tag::oihw};
    if (s.bias) bias = {{dim(s.outputs)}, memory::data_type::f32, memory::format_tag::a};
    strides = {dim(s.stride), dim(s.stride)};
    padding = {dim(s.padding), dim(s.padding)};
  }

  dnnl::convolution_forward::primitive_desc forward() const {
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_training,
                                               dnnl::algorithm::convolution_direct, x, weight, bias, y,
                                               strides, padding, padding);
    // oneDNN 2.6 takes the ones by small matrix products first, brgconv and brgdmm_dw. Its next choice is
    // faster: up to 64 inputs by 1 to 10 %, for one input by 45 %, depthwise by up to 70 %.
    const bool depthwise = weight.dims().size() == 5;
    const std::string_view faster = depthwise           ? "jit_dw:avx512_core"
                                    : x.dims()[1] <= 64 ? "jit:avx512_core"
                                                        : "";
    return choose(dnnl::convolution_forward::primitive_desc(desc, onednn_user_scratch(), onednn_engine()),
                  [&](std::string_view name) {
                    return name == faster ? Mark::best : mixes_images(name) ? Mark::never : Mark::will_do;
                  });
  }
  dnnl::convolution_backward_data::primitive_desc input_gradient() const {
    const dnnl::convolution_backward_data::desc desc(dnnl::algorithm::convolution_direct, x, weight, y,
                                                     strides, padding, padding);
    return choose(dnnl::convolution_backward_data::primitive_desc(desc, onednn_user_scratch(),
                                                                  onednn_engine(), forward()),
                  [](std::string_view name) { return mixes_images(name) ? Mark::never : Mark::best; });
  }
  dnnl::convolution_backward_weights::primitive_desc weight_gradient() const {
    const dnnl::convolution_backward_weights::desc desc(dnnl::algorithm::convolution_direct, x, weight, y,
                                                        strides, padding, padding);
    // Below 8 inputs, a vector of AVX2, this one of oneDNN 2.6 writes past the scratch memory it asks for.
    const bool outgrows_scratch = strides[0] > 1 && x.dims()[1] < 8;
    return choose(dnnl::convolution_backward_weights::primitive_desc(desc, onednn_user_scratch(),
                                                                     onednn_engine(), forward()),
                  [&](std::string_view name) {
                    return mixes_images(name) || (outgrows_scratch && name == "jit_1x1:avx2") ? Mark::never
                                                                                              : Mark::best;
                  });
  }
};

// What differs between the three ways: the primitive, its packed weights and the names of its arguments.
struct Way {
  dnnl::primitive primitive;
  memory::desc packed, scratch;
  int x_name, weight_name, y_name;
};

Way make_way(ConvolutionKind kind, const Described& described) {
  if (kind == ConvolutionKind::input_gradient) {
    const auto desc = described.input_gradient();
    return {dnnl::convolution_backward_data(desc),
            desc.weights_desc(),
            desc.scratchpad_desc(),
            DNNL_ARG_DIFF_SRC,
            DNNL_ARG_WEIGHTS,
            DNNL_ARG_DIFF_DST};
  }
  if (kind == ConvolutionKind::weight_gradient) {
    const auto desc = described.weight_gradient();
    return {dnnl::convolution_backward_weights(desc),
            desc.diff_weights_desc(),
            desc.scratchpad_desc(),
            DNNL_ARG_SRC,
            DNNL_ARG_DIFF_WEIGHTS,
            DNNL_ARG_DIFF_DST};
  }
  const auto desc = described.forward();
  return {dnnl::convolution_forward(desc),
          desc.weights_desc(),
          desc.scratchpad_desc(),
          DNNL_ARG_SRC,
          DNNL_ARG_WEIGHTS,
          DNNL_ARG_DST};
}

}  // namespace

struct Convolution::Implementation {
  // Everything a call needs, made once: only the data pointers change between calls.
  struct Worker {
    dnnl::stream stream;
    memory x, weight, y, scratch, bias, plain_weight;
    std::array<dnnl_exec_arg_t, 5> arguments;
    std::array<dnnl_exec_arg_t, 2> packing;
  };

  Way way;
  int argument_count;
  dnnl::reorder packs;  // or unpacks, where the weights are the result
  std::vector<Worker> workers;
};

Convolution::Convolution(const ConvolutionShape& shape, std::size_t workers) try {
  // oneDNN may cut the work for the threads it sees; with one, the order of additions is the same whatever
  // the number of workers.
  const OneOpenMpThread one_thread;
  const Described described(shape);
  Way way = make_way(shape.kind, described);
  const bool unpacks = shape.kind == ConvolutionKind::weight_gradient;
  const memory::desc &from = unpacks ? way.packed : described.plain_weight,
                     &to = unpacks ? described.plain_weight : way.packed;
  const dnnl::reorder reorder(dnnl::reorder::primitive_desc(onednn_engine(), from, onednn_engine(), to));
  implementation_ = std::make_unique<Implementation>(Implementation{way, shape.bias ? 5 : 4, reorder, {}});
  implementation_->workers.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) {
    auto& worker = implementation_->workers.emplace_back(
        Implementation::Worker{dnnl::stream(onednn_engine()),
                               onednn_memory(described.x),
                               onednn_memory(way.packed),
                               onednn_memory(described.y),
                               onednn_memory(way.scratch),
                               shape.bias ? onednn_memory(described.bias) : memory(),
                               onednn_memory(described.plain_weight),
                               {},
                               {}});
    worker.arguments = {{{way.x_name, worker.x.get()},
                         {way.weight_name, worker.weight.get()},
                         {way.y_name, worker.y.get()},
                         {DNNL_ARG_SCRATCHPAD, worker.scratch.get()},
                         {DNNL_ARG_BIAS, shape.bias ? worker.bias.get() : nullptr}}};
    worker.packing = {{{unpacks ? DNNL_ARG_TO : DNNL_ARG_FROM, worker.plain_weight.get()},
                       {unpacks ? DNNL_ARG_FROM : DNNL_ARG_TO, worker.weight.get()}}};
  }
} catch (const dnnl::error& error) {
  refused_by_onednn("convolution of images of " + std::to_string(shape.height) + " × " +
                        std::to_string(shape.width) + " × " + std::to_string(shape.inputs) + ", " +
                        std::to_string(shape.outputs) + " outputs, kernel " + std::to_string(shape.kernel),
                    error);
}

Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;

std::size_t Convolution::scratch_bytes() const { return implementation_->way.scratch.get_size(); }
std::size_t Convolution::packed_floats() const {
  return implementation_->way.packed.get_size() / sizeof(float);
}

void Convolution::pack_weight(std::size_t worker_index, const float* weight, float* packed) const {
  const Implementation::Worker& worker = implementation_->workers[worker_index];
  point(worker.plain_weight, weight);
  point(worker.weight, packed);
  dnnl_primitive_execute(implementation_->packs.get(), worker.stream.get(), 2, worker.packing.data());
}

void Convolution::unpack_gradient(std::size_t worker, const float* packed, float* d_weight) const {
  pack_weight(worker, d_weight, const_cast<float*>(packed));  // its reorder goes the other way
}

void Convolution::run(std::size_t worker_index, const float* x, const float* packed, const float* bias,
                      const float* y, void* scratch) const {
  const Implementation::Worker& worker = implementation_->workers[worker_index];
  point(worker.x, x);
  point(worker.weight, packed);
  point(worker.y, y);
  point(worker.scratch, scratch);
  if (implementation_->argument_count == 5) point(worker.bias, bias);
  dnnl_primitive_execute(implementation_->way.primitive.get(), worker.stream.get(),
                         implementation_->argument_count, worker.arguments.data());
}

}  // namespace ztilde::kernels
