// The layers of a network as nodes of an ONNX graph. Images have their channels first there, last in ztilde.
#pragma once

#include "onnx/export_graph.hpp"
#include "onnx/export_interface.hpp"

namespace ztilde::onnx_export {

// The raw outputs [rows, outputs] from the graph's inputs, by the interface's.
Value add_layers(Graph& graph, const Model& model, const Interface& interface,
                 const std::vector<Value>& inputs);

}  // namespace ztilde::onnx_export
