// What the files that know oneDNN share.
#pragma once

#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "ztilde/error.hpp"

namespace ztilde::kernels {

inline const dnnl::engine& onednn_engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

constexpr dnnl::memory::dim onednn_dim(std::size_t n) { return static_cast<dnnl::memory::dim>(n); }

// Without data: a call points it at some.
inline dnnl::memory onednn_memory(const dnnl::memory::desc& desc) { return {desc, onednn_engine(), nullptr}; }
inline void point(const dnnl::memory& target, const void* data) {
  dnnl_memory_set_data_handle(target.get(), const_cast<void*>(data));
}

// The scratch memory of a call comes from the caller.
inline dnnl::primitive_attr onednn_user_scratch() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

[[noreturn]] inline void refused_by_onednn(const std::string& what, const dnnl::error& error) {
  throw Error(ErrorKind::data, what + ": oneDNN refuses it (" + error.what() + "); make the layer smaller");
}

}  // namespace ztilde::kernels
