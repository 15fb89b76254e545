"""The built-in rung schedulers in machine code: the same trace, about ten times as fast (extra ``fast``, Numba).

`coverage` says which runs can go this way, `plan` puts a scheduler into numbers, `loop` is the event loop, `running`
hands it a run. `simulator.loop` is the reference: both write the same words for every run that is covered.
"""
