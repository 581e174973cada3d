"""Does a diagnosis name what is wrong? Planted faults, alone and in pairs, and healthy trainings."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Row, say
from benchmarks.planted_faults import Planted, doubly_faulty, faulty, healthy

OPTIONS = {"seeds": 2, "only": "", "show": True}


def run(options: Any) -> list[Row]:
    """`--set seeds=1` takes half of it, `--set only=rate` those whose description holds the word."""
    chosen = [
        [case for case in cases if options.only in str(case)]
        for cases in (faulty(options.seeds), doubly_faulty(), healthy(options.seeds))
    ]
    count = sum(map(len, chosen))
    places = iter(range(1, count + 1))

    def found(case: Planted) -> list[str]:
        say(f"{next(places)} of {count}: {case}")
        return _found(case, options.show)

    alone, pairs, well = ([(case, found(case)) for case in cases] for cases in chosen)
    first = sum(bool(named) and named[0] in case.kinds[0] for case, named in alone)
    misled = sum(bool(named) and named[0] not in case.kinds[0] for case, named in alone)
    both = sum(all(set(kinds) & set(named[:3]) for kinds in case.kinds) for case, named in pairs)
    quiet = sum(not named for _, named in well)
    rows = []
    if alone:
        rows += [
            Row(what=f"named first, of {len(alone)} planted faults", value=first / len(alone), unit="share",
                bar=0.95, better="higher"),
            Row(what=f"misled, of {len(alone)} planted faults", value=misled / len(alone), unit="share",
                bar=0.03),
        ]  # fmt: skip
    if pairs:
        what = f"both of two among the first three, of {len(pairs)}"
        rows.append(Row(what=what, value=both / len(pairs), unit="share", bar=0.9, better="higher"))
    if well:
        what = f"quiet, of {len(well)} healthy trainings"
        rows.append(Row(what=what, value=quiet / len(well), unit="share", bar=0.95, better="higher"))
    return rows


def _found(case: Planted, show: bool) -> list[str]:
    found = [finding.kind for finding in case.setup().session().diagnose()]
    right = all(set(kinds) & set(found[: 1 if len(case.kinds) == 1 else 3]) for kinds in case.kinds)
    if show and not (right if case.kinds else not found):
        print(f"{case}: {', '.join(found[:4]) or 'nothing'}", flush=True)
    return found
