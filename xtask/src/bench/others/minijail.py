"""Compiles policies with minijail's compile_seccomp_policy: a line in, a line out.

    ROUNDS JSON  ->  ok NANOSECONDS PROGRAM (hexadecimal)  |  no REASON

The folder of minijail's modules, one for files, and a file that describes the architecture are the arguments.
"""

import json
import os
import sys
import time

sys.path.insert(0, sys.argv[1])
PLACE = sys.argv[2]

from minijail import arch, bpf, compiler, parser  # noqa: E402

ARCH = arch.Arch.load_from_json(sys.argv[3])


def action(text):
    """An action, as a policy writes it; the default's may be one that a policy cannot set."""
    state = parser.ParserState("<default>")
    return parser.PolicyParser(ARCH, kill_action=bpf.KillProcess()).parse_action(next(state.tokenize([text])))


def compiled(rounds, asked):
    for name in ("policy", "frequency"):
        with open(os.path.join(PLACE, name), "w", encoding="ascii") as file:
            file.write(asked[name])
    best = None
    for _ in range(rounds):
        start = time.perf_counter_ns()
        made = compiler.PolicyCompiler(ARCH).compile_file(
            os.path.join(PLACE, "policy"),
            optimization_strategy=compiler.OptimizationStrategy.BST,
            kill_action=action(asked["kill"]),
            override_default_action=action(asked["default"]),
        )
        took = time.perf_counter_ns() - start
        best = took if best is None else min(best, took)
        # What takes this long is not asked twice.
        if took > 200_000_000:
            break
    return best, made.opcodes


def main():
    for line in sys.stdin:
        rounds, _, text = line.partition(" ")
        try:
            took, program = compiled(int(rounds), json.loads(text))
            print("ok", took, program.hex(), flush=True)
        except Exception as error:  # whatever its modules raise is its answer
            print("no", type(error).__name__, " ".join(str(error).split()), flush=True)


main()
