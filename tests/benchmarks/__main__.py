"""Run the benchmarks of speed and memory and print one table; `--write` puts it into docs/speed.md.

python tests/benchmarks --data FOLDER --model FILE [training start-up bulk] [--rounds N] [--write docs/speed.md]
python tests/benchmarks --data FOLDER backends [--rounds N] [--write docs/machines.md]

FOLDER holds MNIST's IDX files. The other benchmarks here (seeds, ablations, pictures, backends, checkpoints, roofline)
are commands of their own.
"""

import argparse
from pathlib import Path

import processes_speed
import training_speed
from table import setting, table, written_into


def main() -> None:
    """Run the benchmarks named on the command line."""
    parser = argparse.ArgumentParser(
        prog="tests/benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ("training", "start-up", "bulk")  # of docs/speed.md
    known = (*names, "backends")
    parser.add_argument(
        "benchmarks", nargs="*", metavar="BENCHMARK", help=f"{', '.join(known)}; by default all but the last"
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of MNIST's IDX files")
    parser.add_argument("--model", type=Path, default=Path("mnistcnn.keras"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="docs/speed.md; with backends, docs/machines.md")
    options = parser.parse_args()
    if unknown := set(options.benchmarks) - set(known):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}: name {', '.join(known)}")
    wanted = options.benchmarks or names
    if set(wanted) & {"start-up", "bulk"} and not options.model.is_file():
        parser.error(f"there is no model at {options.model}: make one with `mnistcnn train`")
    rows = []
    if "training" in wanted:
        rows += training_speed.measure(options.data, options.rounds)
    if "start-up" in wanted:
        rows += processes_speed.start_up(options.model, options.data, options.rounds)
    if "bulk" in wanted:
        rows += processes_speed.bulk(options.model, options.data, options.rounds)
    if "backends" in wanted:
        rows += training_speed.measure_backends(options.data, options.rounds)
    found = f"{setting()} {options.rounds} rounds in turns.\n\n{table(rows)}"
    print(found)
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(written_into(text, options.write.stem, found), encoding="utf-8")


if __name__ == "__main__":
    main()
