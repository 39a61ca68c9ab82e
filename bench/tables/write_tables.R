# Writes the tables of scripts/tables as CSV, missing values as empty fields: Rscript write_tables.R FOLDER
folder <- commandArgs(trailingOnly = TRUE)[1]
write_table <- function(name, table) {
  write.csv(table, file.path(folder, paste0(name, ".csv")), row.names = FALSE, na = "")
}
data(credit_data, package = "modeldata")
data(diamonds, package = "ggplot2")
data(LetterRecognition, package = "mlbench")
write_table("credit", credit_data)
write_table("diamonds", diamonds)
write_table("letters", LetterRecognition)
