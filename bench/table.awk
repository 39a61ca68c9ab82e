# A table of 1,000,000 rows: 29 columns of decimal numbers like 0.123456 or -1.5, and a class.
BEGIN {
  srand(1)
  for (i = 1; i < 30; ++i) printf "c%d,", i
  print "y"
  for (row = 0; row < 1000000; ++row) {
    for (i = 1; i < 30; ++i) printf "%.6f,", 4 * rand() - 2
    print int(3 * rand())
  }
}
