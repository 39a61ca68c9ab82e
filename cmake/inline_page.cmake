# Turns the page's files into one C++ file: cmake -DOUTPUT=… -DCHART_JS=… -DFOLDER=src/report -P inline_page.cmake
# String literals, so that the program carries the page and needs no file at run time.
set(text "#include \"report/page_files.hpp\"\n\nnamespace ztilde::report {\n\n")

function(ztilde_append_file name file)
  file(READ "${file}" content)
  # Addresses in comments lose their scheme: nothing in a page is an address to go to.
  string(REPLACE "https://" "" content "${content}")
  string(APPEND text "const std::string_view ${name} = R\"ztilde(${content})ztilde\";\n\n")
  set(text "${text}" PARENT_SCOPE)
endfunction()

ztilde_append_file(kPageHtml ${FOLDER}/page/page.html)
ztilde_append_file(kPageCss ${FOLDER}/page/page.css)
ztilde_append_file(kChartJs ${CHART_JS})

set(script "")
foreach(part theme chart heatmap parallel blocks page)
  file(READ ${FOLDER}/page/${part}.js content)
  string(APPEND script "${content}\n")
endforeach()
string(APPEND text "const std::string_view kPageJs = R\"ztilde(${script})ztilde\";\n\nconst ChartSpec kSpecs[] = {\n")

file(GLOB specs ${FOLDER}/charts/*.json)
foreach(spec ${specs})
  get_filename_component(name ${spec} NAME_WE)
  file(READ ${spec} content)
  string(APPEND text "{\"${name}\", R\"ztilde(${content})ztilde\"},\n")
endforeach()
string(APPEND text "};\n\nstd::span<const ChartSpec> chart_specs() { return kSpecs; }\n\n}  // namespace ztilde::report\n")
file(WRITE ${OUTPUT} "${text}")
