// Encode in an ONNX graph: raw columns to features, and fixed statistics taken away from them. All columns of
// a kind go together, so that the nodes are as many for a table of 1,000 columns as for one of 10.
#pragma once

#include "onnx/export_graph.hpp"
#include "onnx/export_interface.hpp"

namespace ztilde::onnx_export {

// What the layers begin with: [rows, inputs] floats, or [rows, features] of a network that begins with
// Encode.
//   inputs: the graph's, by the interface's
Value encode_columns(Graph& graph, const Model& model, const Interface& interface,
                     const std::vector<Value>& inputs);

}  // namespace ztilde::onnx_export
