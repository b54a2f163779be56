# SPDX-License-Identifier: Apache-2.0
# Lying bars with the lowest and the highest round. Variables: data, out, heading, below, unit, rows, and families:
# names and colours, or nothing.
# Columns: position, label, median, lowest, highest, colour.
set terminal svg size 820, 150 + 26 * rows noenhanced font 'DejaVu Sans,13' background 'white'
set output out
set title heading."\n".below
set xlabel unit
set xrange [0:*]
set yrange [rows - 0.4:-0.6]
set border 3
set xtics nomirror
set ytics nomirror scale 0
set grid xtics linecolor rgb '#dddddd'
set style fill solid noborder
set tmargin 4
set bmargin 4
set key outside right top Left reverse samplen 1
plot data using 3:1:(0):3:($1 - 0.36):($1 + 0.36):6:ytic(2) with boxxyerror linecolor rgb variable notitle, \
	data using 3:1:4:5 with xerrorbars linecolor rgb '#333333' pointtype 7 pointsize 0.3 notitle, \
	for [i = 1 : words(families) / 2] 1 / 0 with boxes linecolor rgb word(families, 2 * i) title word(families, 2 * i - 1)
