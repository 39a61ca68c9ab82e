// The parts of the page as the build inlined them (cmake/inline_page.cmake).
#pragma once

#include <span>
#include <string_view>

namespace ztilde::report {

extern const std::string_view kPageHtml, kPageCss, kPageJs, kChartJs;

// src/report/charts/NAME.json
struct ChartSpec {
  std::string_view name, text;
};
std::span<const ChartSpec> chart_specs();

}  // namespace ztilde::report
