// The Python file beside an exported state dict.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "exchange/torch_modules.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde {
namespace {

// Text as a literal of Python, which has JSON's escapes.
std::string literal(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

constexpr const char* kHead =
    R"(# Written by ztilde. Run it to compare the module's outputs with those of the model it was made from.
import json
import pathlib
import sys

import torch
from torch import nn

STATE_DICT = pathlib.Path(__file__).parent / {}
)";

constexpr const char* kFlatLinear = R"(

class FlatLinear(nn.Linear):
    """A Linear of an image of one pixel."""

    def forward(self, x):
        return super().forward(x.flatten(1))
)";

constexpr const char* kLayers = R"(

class Add(nn.Module):
    """Adds the output of the layer `back` places before it."""

    def __init__(self, back):
        super().__init__()
        self.back = back

    def forward(self, x, outputs):
        return x + outputs[len(outputs) - self.back]


class Shortcut(Add):
    """Goes on from the output of the layer `back` places before it."""

    def forward(self, x, outputs):
        return outputs[len(outputs) - self.back]


class Layers(nn.Sequential):
    """A Sequential whose Add and Shortcut modules reach back to earlier outputs."""

    def forward(self, x):
        outputs = []
        for module in self:
            x = module(x, outputs) if isinstance(module, Add) else module(x)
            outputs.append(x)
        return x
)";

constexpr const char* kReading = R"(

def read(path=STATE_DICT):
    """Tensors by name, and metadata, of a safetensors file."""
    content = bytearray(pathlib.Path(path).read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata = header.pop("__metadata__", {})
    types = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensor = torch.frombuffer(content[start + begin : start + end], dtype=types[entry["dtype"]])
        tensors[name] = tensor.reshape(entry["shape"])
    return tensors, metadata


def load(path=STATE_DICT):
    """The module with the file's numbers, ready for use; call .train() on it to go on training."""
    tensors, _ = read(path)
    module = build()
    if any(tensor.dtype == torch.float64 for tensor in tensors.values()):
        module.double()
    module.load_state_dict(tensors, strict=True)
    return module.eval()


def floats(digits):
    return torch.frombuffer(bytearray.fromhex(digits), dtype=torch.float32)

)";

constexpr const char* kMain = R"(
def main():
    module = load()
    rows = json.loads(read()[1].get("test_rows", "{{\"inputs\": \"\"}}"))
    if not rows["inputs"]:
        sys.exit("the file has no test rows to compare")
    inputs = floats(rows["inputs"]).reshape(-1, {}){}
    expected = floats(rows["outputs"]).reshape(len(inputs), -1)
    with torch.no_grad():
        outputs = module(inputs.to(next(module.parameters()).dtype)).flatten(1)
    difference = (outputs - expected).abs() / expected.abs().clamp(min=1)
    worst = difference.max().item()
    print(f"{{len(inputs)}} test rows, largest difference {{worst:.1e}}")
    if not worst <= 1e-4:
        sys.exit("the module's outputs are not the model's")


if __name__ == "__main__":
    main()
)";

}  // namespace

std::string pytorch_program(const Model& model, const std::string& state_dict_name) {
  const Network& network = model.network;
  const exchange::TorchSource source = exchange::torch_source(network);
  std::string text = fmt::format(kHead, literal(state_dict_name));
  if (source.flat_linear) text += kFlatLinear;
  if (source.skips) text += kLayers;
  text += "\n\ndef build():\n";
  text += source.skips ? "    return Layers(\n" : "    return nn.Sequential(\n";
  for (std::size_t i = 0; i < source.modules.size(); ++i)
    text += fmt::format("        {},  # {}\n", source.modules[i], i);
  text += "    )\n";
  text += kReading;
  const Shape input = network.input_shape();
  const std::string to_image = input.pixels() > 1
                                   ? fmt::format(".reshape(-1, {}, {}, {}).permute(0, 3, 1, 2)", input.height,
                                                 input.width, input.channels)
                                   : "";
  return text + fmt::format(kMain, network.inputs, to_image);
}

}  // namespace ztilde
