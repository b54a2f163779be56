# SPDX-License-Identifier: Apache-2.0
# Lines with the lowest and the highest round. Variables: data, out, heading, below, across, unit, lines, tics.
# Columns of each block: x, median, lowest, highest; its first line is the title of the line.
set terminal svg size 820, 460 noenhanced font 'DejaVu Sans,13' background 'white'
set output out
set title heading."\n".below
set xlabel across
set ylabel unit
set yrange [0:*]
set xrange [0:*]
set offsets graph 0, graph 0.03, graph 0.05, 0
set border 3
set xtics nomirror
set ytics nomirror
if (strlen(tics)) eval 'set xtics ('.tics.')'
set grid linecolor rgb '#dddddd'
set key outside right top Left reverse samplen 2
set linetype 1 linecolor rgb '#1f77b4' pointtype 7
set linetype 2 linecolor rgb '#d95f02' pointtype 5
set linetype 3 linecolor rgb '#2ca02c' pointtype 9
set linetype 4 linecolor rgb '#7f7f7f' pointtype 13
set linetype 5 linecolor rgb '#9467bd' pointtype 11
set linetype 6 linecolor rgb '#17becf' pointtype 6
set linetype 7 linecolor rgb '#8c564b' pointtype 4
set linetype 8 linecolor rgb '#e377c2' pointtype 8
plot for [i = 0 : lines - 1] data index i using 1:2 with lines linetype i + 1 linewidth 2 title columnheader(1), \
	for [i = 0 : lines - 1] data index i using 1:2:3:4 with yerrorbars linetype i + 1 pointsize 0.5 notitle
