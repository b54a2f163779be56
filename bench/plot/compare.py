# SPDX-License-Identifier: Apache-2.0
"""What has changed from one run to another: compare.py BEFORE AFTER, each a FILE.json or a directory of them.

Figures first, then the median of every metric that both have and that moved by more than the rounds of both overlap.
"""
import statistics
import sys

import runs


def compare_figures(before, after):
    for bench in before.figures:
        for key, value in before.figures[bench].items():
            now = after.figures.get(bench, {}).get(key)
            if now is not None and value is not None:
                print(f'{bench:12} {key:32} {value:12.4g} -> {now:12.4g}' + (f'  x {now / value:.3f}' if value else ''))


def compare_series(before, after):
    for bench in before.series:
        for (case, mode, metric), values in before.series[bench].items():
            now = after.series.get(bench, {}).get((case, mode, metric))
            if not now or not values or (min(now) <= max(values) and min(values) <= max(now)):
                continue
            old, new = statistics.median(values), statistics.median(now)
            print(f'{bench:12} {case:10} {mode:14} {metric:24} {old:12.4g} -> {new:12.4g}' +
                  (f'  x {new / old:.3f}' if old else ''))


def main():
    if len(sys.argv) != 3:
        sys.exit('usage: dev bench --compare BEFORE AFTER')
    before, after = (runs.Runs(runs.find([given])) for given in sys.argv[1:])
    compare_figures(before, after)
    print()
    compare_series(before, after)


main()
