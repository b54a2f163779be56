# SPDX-License-Identifier: Apache-2.0
"""Draws the JSON of benches as SVG, and writes their figures as a table: plot.py [--out DIR] FILE.json|DIR...

What several files have of the same case and mode is put together. Each picture is drawn if what it shows was
measured. This only chooses and sorts; how a picture looks is said in the scripts of gnuplot beside it.
"""
import argparse
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

from runs import Runs, find, spread

PERCENTS = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99)

HERE = pathlib.Path(__file__).parent

RAW, WEIR, PEER = '#9a9a9a', '#1f77b4', '#d95f02'
# Peers have names that are clear only in their own benches.
LABELS = {'tap': 'DPDK net_tap', 'tap_idle': 'DPDK net_tap, sleeping', 'quiet': 'DPDK net_tap, no signals',
          'quietidle': 'DPDK net_tap, sleeping, no signals', 'veth': 'kernel, veth', 'vxlan': 'kernel, VXLAN',
          'vxlanwire': 'kernel, VXLAN on a wire'}
QUEUES = {'one': 'one worker', 'two': 'a worker each way', 'queues': 'a worker each queue',
          'one_gso': 'one worker, super-packets', 'two_gso': 'a worker each way, super-packets',
          'queues_gso': 'a worker each queue, super-packets'}
FAMILIES = {'Weir': WEIR, 'raw': RAW, 'others': PEER}


def rarity(percent):
    return -math.log10(1 - percent / 100)


def family(mode):
    if mode.startswith('raw'):
        return RAW
    if mode.startswith(('fused', 'threaded', 'coalesce', 'workers', 'weir')):
        return WEIR
    return PEER


def draw(script, text, out, **variables):
    with tempfile.NamedTemporaryFile('w', suffix='.dat') as data:
        data.write(text)
        data.flush()
        variables.update(data=data.name, out=str(out))
        settings = '; '.join(f'{name} = {value}' if isinstance(value, int) else f"{name} = '{value}'"
                             for name, value in variables.items())
        subprocess.run(['gnuplot', '-e', settings, str(HERE / script)], check=True)
    print(out)


def bars(out, below, rows, heading, unit):
    """rows: label, values, colour."""
    rows = [row for row in rows if row[1]]
    if not rows:
        return
    text = []
    for i, (label, values, colour) in enumerate(rows):
        median, low, high = spread(values)
        text.append(f'{i} "{label}" {median:.6g} {low:.6g} {high:.6g} {int(colour[1:], 16)}\n')
    used = {colour for _, _, colour in rows}
    families = ' '.join(f'{name} {colour}' for name, colour in FAMILIES.items() if colour in used)
    draw('bars.gp', ''.join(text), out, heading=heading, below=below, unit=unit, rows=len(rows),
         families=families)


def by_mode(runs, out, benches, case, metric, heading, unit, scale=1.0, upwards=False, leave_out='-'):
    """All modes and peers that met a case, the best on top."""
    benches = runs.benches(*benches)
    rows = [(LABELS.get(mode, mode), [v * scale for v in runs.values(benches, case, mode, metric)], family(mode))
            for mode in runs.modes(benches, case, metric) if not mode.endswith(leave_out)]
    if rows:
        rows.sort(key=lambda row: statistics.median(row[1]), reverse=not upwards)
        bars(out, runs.below(benches), rows, heading, unit)


def lines(out, below, blocks, heading, across, unit, tics=''):
    """blocks: a title and points (x, values) each."""
    blocks = [(title, [(x, values) for x, values in points if values]) for title, points in blocks]
    blocks = [block for block in blocks if block[1]]
    if not blocks:
        return
    text = []
    for title, points in blocks:
        text.append(f'"{title}"')
        for x, values in points:
            median, low, high = spread(values)
            text.append(f'{x:.6g} {median:.6g} {low:.6g} {high:.6g}')
        text += ['', '']
    draw('lines.gp', '\n'.join(text), out, heading=heading, below=below, across=across, unit=unit,
         lines=len(blocks), tics=tics)


def percentiles(runs, out, case, heading):
    """The further to the right, the rarer: 90 and 99 % are as far apart as 0 and 90 %."""
    benches = runs.benches('throughput')
    blocks = []
    for mode in runs.modes(benches, case, 'us at 50'):
        measured = [(percent, runs.values(benches, case, mode, f'us at {percent}')) for percent in PERCENTS]
        blocks.append((LABELS.get(mode, mode),
                       [(rarity(percent), [statistics.median(v)]) for percent, v in measured if v]))
    if blocks:
        tics = ', '.join(f'"{mark}" {rarity(mark):.4f}' for mark in (0, 50, 80, 90, 95, 98, 99))
        lines(out, runs.below(benches, 'medians'), blocks, heading, 'percent of round trips that took no longer',
              'microseconds', tics)


def sweep(runs, directory):
    benches = runs.benches('sweep')
    if not benches:
        return
    below = runs.below(benches)
    series = runs.series['sweep']
    sizes = sorted({int(mode) for _, mode, _ in series})

    def points(kind, size):
        numbers = sorted({int(case[len(kind):]) for case, _, _ in series if case.startswith(kind)})
        return [(n, runs.values(benches, f'{kind}{n}', str(size), 'ns_per_packet')) for n in numbers]

    lines(directory / 'cost-stages.svg', below, [(f'{size} bytes', points('stages', size)) for size in sizes],
          'Cost of a packet against the number of stages', 'stages between a generator and a sink',
          'nanoseconds of processor time')
    lines(directory / 'cost-rings.svg', below, [(f'{size} bytes', points('rings', size)) for size in sizes],
          'Cost of a packet against the number of rings', 'rings, each to a worker on the other processor',
          'nanoseconds of processor time', '0, 1, 2, 3, 4')
    by_size = [(f'{n} stages', [(size, runs.values(benches, f'stages{n}', str(size), 'ns_per_packet'))
                                for size in sizes]) for n in (0, 1, 3, 6, 12)]
    lines(directory / 'cost-size.svg', below, by_size, 'Cost of a packet against its size',
          'bytes of a packet', 'nanoseconds of processor time')


def stages(runs, directory):
    benches = runs.benches('stages')
    if benches:
        rows = [('in and out' if case == 'none' else case, values, WEIR)
                for (case, _, metric), values in runs.series['stages'].items()
                if metric == 'ns_per_packet' and case != 'six']
        bars(directory / 'stages.svg', runs.below(benches), rows,
             'What each stage adds to the cost of a packet of 64 bytes', 'nanoseconds of processor time')


def workers(runs, directory):
    benches = runs.benches('workers')
    numbers = (1, 2, 4, 8)

    def points(case, metric, scale=1.0):
        return [(n, [v * scale for v in runs.values(benches, case, f'workers{n}', metric)]) for n in numbers]

    across = 'workers on two processors'
    tics = ', '.join(str(n) for n in numbers)
    if not benches:
        return
    below = runs.below(benches)
    lines(directory / 'workers-tcp.svg', below, [('TCP, 1 stream', points('tcp1', 'gbps'))],
          'The same chain cut over more workers', across, 'Gbit/s', tics)
    lines(directory / 'workers-udp.svg', below, [('UDP, 64 bytes', points('udp64', 'pps', 1e-3))],
          'The same chain cut over more workers', across, 'thousand datagrams a second', tics)
    lines(directory / 'workers-rtt.svg', below,
          [('busy, median', points('rtt', 'p50_us')), ('busy, 99 %', points('rtt', 'p99_us')),
           ('1 ms apart, median', points('rtt1ms', 'p50_us')), ('1 ms apart, 99 %', points('rtt1ms', 'p99_us'))],
          'Round trip through the same chain cut over more workers', across, 'microseconds', tics)


def queues(runs, directory):
    benches = runs.benches('queues')
    for case, metric, scale, heading, unit in (
            ('tcp16', 'gbps', 1, 'TCP, 16 streams, with one queue of each device and with two', 'Gbit/s'),
            ('udp64', 'pps', 1e-3, 'UDP datagrams of 64 bytes, with one queue of each device and with two',
             'thousand datagrams a second that arrive')):
        rows = [(QUEUES.get(mode, mode), [v * scale for v in runs.values(benches, case, mode, metric)], WEIR)
                for mode in runs.modes(benches, case, metric)]
        if rows:
            bars(directory / f'queues-{case}.svg', runs.below(benches), rows, heading, unit)


def draw_all(runs, directory):
    everybody = 'throughput', 'dpdk', 'kernel'
    processes = 'throughput', 'dpdk'  # whose processor time can be told from the traffic's
    by_mode(runs, directory / 'tcp1.svg', everybody, 'tcp1', 'gbps', 'TCP, 1 stream', 'Gbit/s')
    by_mode(runs, directory / 'tcp4.svg', everybody, 'tcp4', 'gbps', 'TCP, 4 streams', 'Gbit/s')
    by_mode(runs, directory / 'cpu.svg', processes, 'tcp1', 'cpu_s_per_gb',
            'What it takes of the processor: TCP, 1 stream', 'seconds of processor time for each gigabyte',
            upwards=True)
    by_mode(runs, directory / 'udp64.svg', processes, 'udp64', 'pps',
            'Flood of UDP datagrams of 64 bytes, each by itself', 'thousand datagrams a second that arrive', 1e-3,
            leave_out='_gso')
    by_mode(runs, directory / 'udp64-gso.svg', ('throughput',), 'udp64_gso', 'pps',
            'The same flood in super-packets of 64 datagrams', 'thousand datagrams a second that arrive', 1e-3)
    percentiles(runs, directory / 'rtt-busy.svg', 'rtt', 'Round trip of 64 bytes, back to back')
    percentiles(runs, directory / 'rtt-sleeping.svg', 'rtt1ms', 'Round trip of 64 bytes, requests 1 ms apart')
    by_mode(runs, directory / 'softether-tcp1.svg', ('softether',), 'tcp1', 'gbps',
            'TCP, 1 stream, between two clients of a SoftEther VPN server', 'Gbit/s')
    by_mode(runs, directory / 'softether-cpu.svg', ('softether',), 'tcp1', 'cpu_s_per_gb',
            'What both clients take of the processor', 'seconds of processor time for each gigabyte', upwards=True)
    stages(runs, directory)
    sweep(runs, directory)
    workers(runs, directory)
    queues(runs, directory)


def write_figures(runs, path):
    """A section for each bench, with what its bars ask for."""
    text = ['# Figures', '',
            'Written by `./dev bench --plot`; [performance.md](../performance.md) says what they mean.']
    for bench, figures in runs.figures.items():
        host = runs.hosts[bench]
        compiler = host['compiler'] if not host['compiler'][:1].isdigit() else f"gcc {host['compiler']}"
        text += ['', f'## {bench}', '',
                 f"{host.get('date', '')}, {runs.machine(bench)}, {compiler}, {runs.rounds[bench]} rounds", '',
                 '| figure | value | asked for |', '|---|---|---|']
        for key, value in figures.items():
            bar = runs.bars[bench].get(key, {})
            asked = ''.join(f'{word.replace("_", " ")} {limit:g}' for word, limit in bar.items())
            text.append(f'| `{key}` | {"" if value is None else f"{value:.4g}"} | {asked} |')
    path.write_text('\n'.join(text) + '\n')
    print(path)


def main():
    parser = argparse.ArgumentParser(prog='dev bench --plot', description='Draws the JSON of benches as SVG.')
    parser.add_argument('--out', default='build/plots', type=pathlib.Path, help='where to (default build/plots)')
    parser.add_argument('inputs', nargs='+', type=pathlib.Path, metavar='FILE.json|DIR')
    arguments = parser.parse_args()
    paths = find(arguments.inputs)
    if not paths:
        sys.exit('dev bench --plot: no JSON there')
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = Runs(paths)
    draw_all(runs, arguments.out)
    write_figures(runs, arguments.out / 'figures.md')


main()
