# SPDX-License-Identifier: Apache-2.0
"""The JSON that benches write (bench/report.h), of any number of runs."""
import json
import pathlib
import statistics


def find(inputs):
    """Files as they are, and all JSON of directories."""
    return [path for given in map(pathlib.Path, inputs)
            for path in (sorted(given.glob('*.json')) if given.is_dir() else [given])]


class Runs:
    """What was measured: the values of all rounds by bench, case, mode and metric; and the figures by bench."""

    def __init__(self, paths):
        self.series, self.hosts, self.rounds, self.figures, self.bars = {}, {}, {}, {}, {}
        for path in paths:
            self.add(json.loads(path.read_text()))

    def add(self, run):
        bench = run['bench']
        self.hosts.setdefault(bench, run['host'])
        self.rounds[bench] = max(run['rounds'], self.rounds.get(bench, 0))
        self.figures.setdefault(bench, {}).update(run['figures'])
        self.bars.setdefault(bench, {}).update(run.get('bars', {}))
        series = self.series.setdefault(bench, {})
        for result in run['results']:
            for metric, values in result.items():
                if metric not in ('case', 'mode'):
                    key = result['case'], result['mode'], metric
                    series.setdefault(key, []).extend(v for v in values if v is not None)

    def benches(self, *names):
        return [name for name in names if name in self.series]

    def values(self, benches, case, mode, metric):
        """Of the first bench that has any: runs of different benches are not mixed."""
        found = (self.series[bench].get((case, mode, metric)) for bench in benches)
        return next((values for values in found if values), [])

    def modes(self, benches, case, metric):
        """In the order of the files, each once."""
        return list(dict.fromkeys(mode for bench in benches for (c, mode, m), values in self.series[bench].items()
                                  if c == case and m == metric and values))

    def machine(self, bench):
        host = self.hosts[bench]
        return f"{host['system']} {host['kernel']}, {host['cpus']} x {host['cpu']}"

    def below(self, benches, what='median, lowest and highest'):
        """The line that says where and how often something was measured."""
        return f'{what} of {self.rounds[benches[0]]} rounds; {self.machine(benches[0])}'


def spread(values):
    return statistics.median(values), min(values), max(values)
