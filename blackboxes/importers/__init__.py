"""Importers: each file here reads one published benchmark format, and is named after what its project calls it.

An importer `my-name` is the function `tables` of a file `importers/my_name.py`, or an entry point of the group
`rungsim.importers` that names such a function. It looks like this:

    def tables(source: Path, progress: Progress, *, draws: Annotated[int, "how many"] = 2000) -> Iterator[Blackbox]:
        '''LCBench, as published in 2020.

        SOURCE is the JSON file. (More facts for the reader of --help.)
        '''

It yields the tables of one family, one a task, each read only when it is asked for, so that memory holds one task.
Keyword-only arguments become options of `rungsim import my-name`; the text beside the type is their help. A tuple
EXAMPLES beside the function holds what may stand behind `rungsim import my-name`. An importer that finds its source
by itself takes a source of None. `progress` is called now and then with what is done and what there is in all (bytes,
rows: any unit). What it reads may be damaged or hostile: it raises `BlackboxError` that says what, where and what would
be right.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, float], object]
