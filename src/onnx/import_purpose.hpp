// What the outputs of an imported network are for: its task, its classes, and what the graph's end says of
// both.
#pragma once

#include "onnx/import_walk.hpp"
#include "onnx/onnx_pb.h"
#include "ztilde/onnx_import.hpp"

namespace ztilde::onnx_import {

struct Purpose {
  Flow end;     // what the graph ends with, all of it in layers but its ending
  Shape image;  // the order of its numbers: [height, width, channels] for ztilde
  Task task = Task::classify;
  std::vector<std::string> classes, columns;
  std::string target;
  StatisticsSource statistics = StatisticsSource::running;
  ImageSize image_size;  // of flat rows that are images
};

// Settles the graph's output: a softmax, and the sigmoid of a single output, are left to ztilde's task.
Purpose read_purpose(Walk& walk, const ::onnx::ModelProto& proto, const OnnxImportOptions& options);

// Task, classes and column names of a model that has its network.
void set_purpose(Model& model, const Purpose& purpose, const OnnxImportOptions& options, Walk& walk);

}  // namespace ztilde::onnx_import
