#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the simulation can find something: breaks the engine in ways that once were, or could be, somebody's
mistake, and has the simulation find each of them.

    breaks.py make INPUT OUTPUT      copies a source of the engine, with a switch at each place to break
    breaks.py run PROGRAM [SEEDS]    runs the simulation of that engine once for each break
"""
import os
import re
import subprocess
import sys

# Name, file of lib/, text that is there once, and what it becomes: $ is true if the break is on. A break may have
# several places.
BREAKS = [
    ('no last look at the rings before sleeping', 'sleep.c',
     'return weir__ring_size(&input->row->ring) == 0;',
     'return $ || weir__ring_size(&input->row->ring) == 0;'),
    ('no last look at the phase before sleeping', 'sleep.c',
     'bool sleep = weir__worker_phase(worker) != WEIR__PHASE_STOP &&',
     'bool sleep = ($ || weir__worker_phase(worker) != WEIR__PHASE_STOP) &&'),
    ('no last look at the pool before sleeping', 'sleep.c',
     'return worker->starved && weir__pool_starving(worker->pool) && !could_take(worker, reads);',
     'return worker->starved && ($ || (weir__pool_starving(worker->pool) && !could_take(worker, reads)));'),
    ('a mark that another one has left keeps asleep who could go on', 'sleep.c',
     '!could_take(worker, reads)));',
     '($ || !could_take(worker, reads))));'),
    ('no last look at a full ring before sleeping', 'sleep.c',
     'return weir__ring_full(&op->row->ring);',
     'return $ || weir__ring_full(&op->row->ring);'),
    ('a last look before the mark', 'sleep.c',
     '	announce(worker, program);\n	if (prepare(worker, program, &wait)) {',
     '	if (!$)\n		announce(worker, program);\n'
     '	if (prepare(worker, program, &wait)) {\n		if ($)\n			announce(worker, program);'),
    ('a reader is not armed', 'sleep.c',
     'if (endpoint->type->arm && !endpoint->type->arm(endpoint->state)) {',
     'if (!$ && endpoint->type->arm && !endpoint->type->arm(endpoint->state)) {'),
    ('made room and told nobody', 'pass.c',
     '	if (taken)\n		weir__ring_made_room(ring, input->bell);',
     '	if (taken && !$)\n		weir__ring_made_room(ring, input->bell);'),
    ('reads on while a ring is full', 'pass.c',
     'while (go_on(worker, taken) && !(input->sinks & worker->blocked) &&',
     'while (go_on(worker, taken) && ($ || !(input->sinks & worker->blocked)) &&'),
    ('starves and tells nobody', 'pass.c',
     'if (weir__pool_starve(worker->pool))',
     'if (weir__pool_starve(worker->pool) && !$)'),
    ('fed the pool and told nobody', 'pass.c',
     '	if (any && weir__pool_fed(worker->pool))',
     '	if (any && weir__pool_fed(worker->pool) && !$)'),
    ('hands over and tells nobody', 'walk.c',
     '	weir__doorbell_ring(op->bell);',
     '	if (!$)\n		weir__doorbell_ring(op->bell);'),
    ('rings before it hands over', 'walk.c',
     '	if (!weir__ring_push(&row->ring, vector)) {',
     '	if ($)\n		weir__doorbell_ring(op->bell);\n'
     '	if (!weir__ring_push(&row->ring, vector)) {'),
    ('rings before it hands over', 'walk.c',
     '		weir__doorbell_ring(op->bell);\n	return true;',
     '		$ ? (void)0 : weir__doorbell_ring(op->bell);\n	return true;'),
    ('counts a drop twice', 'walk.c',
     '	weir__row_drop(row, reason, vector->n, amount.segments);',
     '	weir__row_drop(row, reason, vector->n + $, amount.segments);'),
    ('a worker that wakes up as the bell is rung reads nothing', 'doorbell.c',
     '	(void)!write(bell->fd, &one, sizeof(one));',
     '	if (!$)\n		(void)!write(bell->fd, &one, sizeof(one));'),
    ('recovers an endpoint that is in use', 'endpoint.c',
     '	rc = weir__grace(pipeline, pipeline->shape, weir__change_deadline(pipeline), err);',
     '	rc = $ ? 0 : weir__grace(pipeline, pipeline->shape, weir__change_deadline(pipeline), err);'),
    ('an endpoint dies and nobody is told', 'endpoint.c',
     '	pthread_cond_broadcast(&pipeline->gone_cond);',
     '	if (!$)\n		pthread_cond_broadcast(&pipeline->gone_cond);'),
    ('an empty look without a grace period', 'drain.c',
     '	rc = weir__grace(pipeline, drain->shape, deadline, err);',
     '	rc = $ ? 0 : weir__grace(pipeline, drain->shape, deadline, err);'),
    ('an empty look without a second one', 'drain.c',
     'return !*full && ',
     'return ($ || !*full) && '),
    ('a second look without the count', 'drain.c',
     'handed_over(drain) == before',
     '($ || handed_over(drain) == before)'),
    ('backlogs are not looked at', 'drain.c',
     'return __atomic_load_n(&op->row->backlog.n, __ATOMIC_RELAXED) ||',
     'return (!$ && __atomic_load_n(&op->row->backlog.n, __ATOMIC_RELAXED)) ||'),
    ('rows that were replaced are not counted until they are freed', 'counters.c',
     '		weir__totals_add(&totals, replaced);',
     '		if (!$)\n			weir__totals_add(&totals, replaced);'),
    ('reads before all workers have started', 'pipeline.c',
     '&shape->given[i], WEIR__PHASE_DRAIN, err);',
     '&shape->given[i], $ ? WEIR__PHASE_RUN : WEIR__PHASE_DRAIN, err);'),
    ('forgets a buffer when it stops', 'pipeline.c',
     '	weir__worker_free(place->worker, row->backlog.index, row->backlog.n, row->path);',
     '	if (!$)\n		weir__worker_free(place->worker, row->backlog.index, row->backlog.n, '
     'row->path);'),
    ('a worker grants a grace period and takes the program up before', 'pass.c',
     '	if (WEIR_UNLIKELY(weir__grace_asked(worker)))\n		weir__grace_answer(worker);\n'
     '	program = rcu_dereference(worker->program);',
     '	program = rcu_dereference(worker->program);\n'
     '	if (WEIR_UNLIKELY(weir__grace_asked(worker)))\n		weir__grace_answer(worker);\n'
     '	if (!$)\n		program = rcu_dereference(worker->program);'),
    ('a worker that wakes up is not online', 'sleep.c',
     '	rcu_thread_online();\n	weir__grace_online(worker);',
     '	rcu_thread_online();\n	if (!$)\n		weir__grace_online(worker);'),
    ('bits of one program are used for the next', 'pass.c',
     '	__atomic_store_n(&worker->blocked, backlogs(program), __ATOMIC_RELAXED);',
     '	if (!$)\n		__atomic_store_n(&worker->blocked, backlogs(program), __ATOMIC_RELAXED);'),
    ('swaps without clearing the way', 'apply.c',
     '	if (!needs_hold(apply))\n		return 0;',
     '	if ($ || !needs_hold(apply))\n		return 0;'),
    ('does not drain', 'apply.c',
     '	if (apply->transition.must_drain)\n		rc = drain(apply);',
     '	if (apply->transition.must_drain && !$)\n		rc = drain(apply);'),
    ('does not release what moves', 'apply.c',
     '	if (rc == 0)\n		rc = release(apply);',
     '	if (rc == 0 && !$)\n		rc = release(apply);'),
    ('frees the old without a grace period', 'apply.c',
     '	rc = grace_of_old(apply);\n	if (rc == 0)\n		rc = grace(apply, apply->new, new_workers(apply));\n',
     '	rc = $ ? 0 : grace_of_old(apply);\n'
     '	if (rc == 0 && !$)\n		rc = grace(apply, apply->new, new_workers(apply));\n'),
    ('does not publish the old programs again', 'apply.c',
     '	publish(apply, apply->old, apply->old->programs);',
     '	if (!$)\n		publish(apply, apply->old, apply->old->programs);'),
    ('does not hold what leads to a drained ring', 'transition.c',
     'a->held = b->drained ||',
     'a->held = (b->drained && !$) ||'),
    ('does not drain between two changes', 'transition.c',
     '(node->after_changed && node->before_changed);',
     '(node->after_changed && node->before_changed && !$);'),
    ('a configuration that is replaced is freed at once', 'change.c',
     '	*rc = weir__grace_of(pipeline->shape, concerned(change), weir__change_deadline(pipeline), err);',
     '	*rc = $ ? 0 : weir__grace_of(pipeline->shape, concerned(change), weir__change_deadline(pipeline), err);'),
    ('a split goes on though what is behind it is blocked', 'transform.c',
     '	return cut->worker->blocked & cut->op->below;',
     '	return !$ && cut->worker->blocked & cut->op->below;'),
    ('a split forgets which piece comes next', 'transform.c',
     '	if (!done)\n		return false;\n',
     '	if (!done && $)\n		row->piece = 0;\n	if (!done)\n		return false;\n'),
    ('keeps memory when there is none', 'row.c',
     '	free(row->path);\n',
     '	if (!$)\n		free(row->path);\n'),
]


LIB = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'lib')


def with_switches(where):
    """The text of a file of lib/ with a switch at each place, and the breaks whose place it no longer has."""
    with open(os.path.join(LIB, where), encoding='utf-8') as file:
        text = file.read()
    stale = []
    for name, place, old, new in BREAKS:
        if place != where:
            continue
        # Several breaks may share a place: each is applied to what the one before has made of it.
        if text.count(old) == 1:
            text = text.replace(old, new.replace('$', f'sim_broken("{name}")'))
        else:
            stale.append(name)
    return text, stale


def make(source, target):
    text, _ = with_switches(os.path.basename(source))
    with open(target, 'w', encoding='utf-8') as file:
        file.write(f'#include <stdbool.h>\nbool sim_broken(const char *name);\n#line 1 "{source}"\n{text}')


def find(program, name, seeds):
    """Whether the simulation finds it, and what it says."""
    result = subprocess.run([program, '--seeds', seeds, '--jobs', '2'], env={**os.environ, 'SIM_BREAK': name},
                            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, check=False)
    # Or AddressSanitizer has.
    found = re.search(r'^found: (.*)$', result.stderr, re.M) or re.search(r'ERROR: (.*)$', result.stderr, re.M)
    seed = re.search(r'^seed (\d+)', result.stderr, re.M)
    if result.returncode == 1 and found and seed:
        return True, f'seed {seed[1]}: {found[1]}'
    return False, f'NOT FOUND in {seeds} seeds'


def run(program, seeds):
    missed = 0
    for name, where in dict((name, where) for name, where, _, _ in BREAKS).items():
        if name in with_switches(where)[1]:
            done, said = False, f'{where} has changed, and no longer has the place to break: mend the list'
        else:
            done, said = find(program, name, seeds)
        missed += not done
        print(f'{name}: {said}', flush=True)
    return missed


if sys.argv[1] == 'make':
    make(sys.argv[2], sys.argv[3])
else:
    sys.exit(1 if run(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else '100000') else 0)
