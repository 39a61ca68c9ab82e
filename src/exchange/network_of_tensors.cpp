#include "exchange/network_of_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "base/text.hpp"
#include "layers/json_reading.hpp"

namespace ztilde::exchange {
namespace {

using Sizes = std::set<std::size_t>;

constexpr std::size_t kMostTries = 4096;

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::data, what); }

std::size_t size_or(const layers::json& root, const char* name, std::size_t otherwise) {
  return root.is_object() && root.contains(name) && root[name].is_number_unsigned()
             ? root[name].get<std::size_t>()
             : otherwise;
}

// The sizes that one axis of the weights of this many axes has.
void add_sizes(const StateDict& dict, std::size_t axes, std::size_t axis, Sizes& sizes) {
  for (const safetensors::Tensor& tensor : dict.file.tensors) {
    if (tensor.shape.size() == axes && tensor.shape[axis] > 0) sizes.insert(tensor.shape[axis]);
  }
}

// What a row may be, as far as the network's file leaves it open.
std::vector<ztilde::Shape> possible_inputs(const StateDict& dict, const layers::json& root,
                                           const PytorchImportOptions& options) {
  const ztilde::Shape image{size_or(root, "height", std::max<std::size_t>(options.image_height, 1)),
                            size_or(root, "width", std::max<std::size_t>(options.image_width, 1)), 0};
  if (const std::size_t inputs = size_or(root, "inputs", 0); inputs > 0) return {{1, 1, inputs}};
  Sizes channels, numbers;
  add_sizes(dict, 1, 0, channels);
  add_sizes(dict, 2, 1, numbers);
  if (image.pixels() > 1) {
    add_sizes(dict, 4, 1, channels);
    for (const std::size_t size : numbers) {
      if (size % image.pixels() == 0) channels.insert(size / image.pixels());
    }
  } else {
    channels.merge(numbers);
  }
  std::vector<ztilde::Shape> inputs;
  for (const std::size_t size : channels) inputs.push_back({image.height, image.width, size});
  return inputs;
}

Sizes possible_outputs(const StateDict& dict) {
  Sizes outputs;
  for (const std::size_t axes : {1, 2, 4}) add_sizes(dict, axes, 0, outputs);
  return outputs;
}

void require_size_of_images(const layers::json& root, const PytorchImportOptions& options) {
  if (options.image_width > 0 && (size_or(root, "inputs", 0) > 0 || size_or(root, "height", 0) > 0))
    refuse(fmt::format("--image-size: given for {}, which says what enters it; leave it out",
                       options.network_name));
  const bool of_images = root.dump().find("\"conv2d\"") != std::string::npos;
  if (of_images && options.image_width == 0 && size_or(root, "height", 0) == 0) {
    refuse(fmt::format("{}: the network is of images and does not say of which size; give --image-size",
                       options.network_name));
  }
}

// The one network that the shapes allow; where none does, the problem of that which most layers fit.
MatchedNetwork from_file(const StateDict& dict, const PytorchImportOptions& options) {
  const layers::json root = layers::parse_json(options.network, options.network_name);
  require_size_of_images(root, options);
  const std::vector<ztilde::Shape> inputs = possible_inputs(dict, root, options);
  const Sizes outputs = possible_outputs(dict);
  if (inputs.size() * outputs.size() > kMostTries) {
    refuse(fmt::format(
        "{}: the tensors have too many sizes to tell what the network leaves open; give \"inputs\" and "
        "the \"outputs\" of its last layer",
        options.network_name));
  }
  std::optional<Error> problem;
  std::size_t most = 0;
  for (const ztilde::Shape& input : inputs) {
    for (const std::size_t output : outputs) {
      MatchedNetwork candidate;
      try {
        candidate.network =
            network_from_template(options.network, options.network_name,
                                  {.input = input, .outputs = output, .depth = options.depth});
      } catch (const Error& error) {
        if (!problem) problem = error;
        continue;
      }
      candidate.matching = match_modules(candidate.network, dict, options.layers);
      if (!candidate.matching.problem) return candidate;
      if (candidate.matching.matched + 1 <= most) continue;
      most = candidate.matching.matched + 1;
      problem = candidate.matching.problem;
    }
  }
  if (!problem)
    refuse(fmt::format("{}: no tensor is a weight; save a module's state_dict()", dict.file_name));
  throw *problem;
}

// Linear layers in the order of their names, each of which takes what the one before gives.
std::vector<const TorchModule*> chain_of(const StateDict& dict, const LayerMap& said) {
  std::vector<const TorchModule*> chain;
  for (const TorchModule& module : dict.modules) {
    if (said.contains(module.prefix) || module.is_norm() || !module.weight) continue;
    const std::vector<std::size_t>& shape = module.weight->shape;
    if (shape.size() != 2) {
      refuse_tensor(
          dict, *module.weight,
          fmt::format("{}; only a network of Linear and BatchNorm1d can be told from its tensors, give "
                      "--net",
                      shape_text(shape)));
    }
    if (!chain.empty() && chain.back()->weight->shape[0] != shape[1]) {
      refuse_tensor(
          dict, *module.weight,
          fmt::format("{} does not take what {} gives, {}, which comes before it by name; give --net",
                      shape_text(shape), printable(chain.back()->weight->name),
                      shape_text(chain.back()->weight->shape)));
    }
    chain.push_back(&module);
  }
  if (chain.empty())
    refuse(fmt::format("{}: no tensor is a weight; save a module's state_dict()", dict.file_name));
  return chain;
}

MatchedNetwork from_shapes(const StateDict& dict, const PytorchImportOptions& options) {
  const std::vector<const TorchModule*> chain = chain_of(dict, options.layers);
  const auto norms = std::ranges::count_if(dict.modules, &TorchModule::is_norm);
  const std::size_t hidden = chain.size() - 1;
  if (norms != 0 && static_cast<std::size_t>(norms) != hidden) {
    refuse(fmt::format("{}: {} for {}, where every hidden layer or none has one; give --net", dict.file_name,
                       counted(static_cast<std::uint64_t>(norms), "batch norm"),
                       counted(hidden, "hidden layer")));
  }
  if (hidden > 0 && !options.activation)
    refuse("--activation: missing, no tensor tells it; say which one is between the layers, or give --net");
  DenseNetworkOptions dense{.inputs = chain.front()->weight->shape[1],
                            .outputs = chain.back()->weight->shape[0]};
  dense.hidden.clear();
  for (std::size_t i = 0; i < hidden; ++i) dense.hidden.push_back(chain[i]->weight->shape[0]);
  dense.activation = options.activation.value_or(ActivationKind::relu);
  dense.batch_norm = norms > 0;
  dense.norm_place = options.norm_place;
  dense.standardise = false;
  MatchedNetwork made;
  made.network = dense_network(dense);
  made.matching = match_modules(made.network, dict, options.layers);
  if (made.matching.problem) throw *made.matching.problem;
  return made;
}

// What export_pytorch wrote, and Python left as it was.
MatchedNetwork from_metadata(const StateDict& dict, const std::string& text, const LayerMap& said) {
  MatchedNetwork made;
  made.network = network_from_json(text, dict.file_name + ": metadata network");
  made.matching = match_modules(made.network, dict, said);
  if (made.matching.problem) throw *made.matching.problem;
  return made;
}

}  // namespace

std::optional<std::string> network_text(const StateDict& dict) {
  const auto& metadata = dict.file.metadata;
  const auto program = metadata.find("program"), network = metadata.find("network");
  const bool ours = program != metadata.end() && program->second.starts_with("ztilde");
  return ours && network != metadata.end() ? std::optional(network->second) : std::nullopt;
}

MatchedNetwork network_of_tensors(const StateDict& dict, const PytorchImportOptions& options) {
  if (!options.network.empty()) return from_file(dict, options);
  if (const auto text = network_text(dict)) return from_metadata(dict, *text, options.layers);
  return from_shapes(dict, options);
}

}  // namespace ztilde::exchange
