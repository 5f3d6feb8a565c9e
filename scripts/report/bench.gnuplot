# SPDX-License-Identifier: GPL-2.0-only
#
# Draw cost against the number of mappings, log-log, from bench.csv: all drivers on
# ivshmem-plain. Called with the variables csv and drivers (names, blanks between).

set terminal svg size 940,1040 dynamic font "sans-serif,12" background "#ffffff"
set datafile separator ","
set datafile missing NaN
set multiplot layout 3,2 title "Instructions against the number of mappings or pages, ivshmem-plain" \
	margins 0.08,0.98,0.04,0.89 spacing 0.08,0.08
set logscale xy
set xrange [0.8:5200]
set yrange [1e3:1e7]
set xtics (1, 16, 256, 1024, 4096)
set format y "10^{%T}"
set grid linecolor rgb "#dcdcdc"

colours = "#0072b2 #d55e00 #009e73 #cc79a7 #b8860b #56b4e9 #8b4513"
panels = "revoke,pages_touched revoke,pages_untouched revoke,big_4k reset,pages_touched \
unrevoke,pages_touched revoke,big_pmd"
titles = "'revoke: N one-page mappings, touched' 'revoke: N one-page mappings, untouched' \
'revoke: one mapping of N pages, 4K' 'VFIO\\_DEVICE\\_RESET: N one-page mappings' \
'unrevoke: N one-page mappings' 'revoke: one mapping of N pages, PMD-aligned'"

# The cost in a column, where the line of the CSV is one of this driver and panel.
is(driver, panel) = strcol(1) eq "ivshmem" && strcol(2) eq driver && strcol(3).",".strcol(4) eq panel

do for [i = 1:words(panels)] {
	panel = word(panels, i)
	set title word(titles, i)
	if (i == 1) { set key at screen 0.5,0.965 center top maxrows 2 samplen 2 } else { unset key }
	plot csv using 5:(is("vfio-pci", panel) ? $7 : NaN) with linespoints dashtype 2 pointtype 6 \
		linecolor rgb "#767676" title "vfio-pci, unpatched", \
		for [d = 1:words(drivers)] csv using 5:(is(word(drivers, d), panel) ? $8 : NaN) \
		with linespoints pointtype 2 * d + 3 pointsize 0.7 linecolor rgb word(colours, d) \
		title word(drivers, d).", patched"
}
