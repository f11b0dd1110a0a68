"""Times taken in turns, which a busy machine spoils for all alike, and the table of them. Loads nothing."""

import statistics
import time


def seconds(function):
    """How long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turns(contenders, rounds, progress=lambda line: None):
    """Median images per second of each contender, a name with (function, images it handles), timed in turns.

    Args:
        contenders: dictionary of these. A round before those measured warms up.
        rounds: number of rounds.
        progress: function that is called with a line of text before each measurement.
    """
    times = {name: [] for name in contenders}
    for i in range(rounds + 1):
        for name, (function, _) in contenders.items():
            progress(f"round {i} of {rounds}: {name}" if i else f"warming up: {name}")
            times[name].append(seconds(function))
    return {name: images / statistics.median(times[name][1:]) for name, (_, images) in contenders.items()}


def table(title, speeds, references):
    """Print speeds as a Markdown table. `references` maps a column's heading to the contender that it divides by."""
    print(f"\n| {title} | images/s | {' | '.join(references)} |\n| --- | ---: |{' ---: |' * len(references)}")
    for name, speed in speeds.items():
        print(f"| {name} | {speed:,.0f} | {' | '.join(f'{speed / speeds[r]:.2f}' for r in references.values())} |")
