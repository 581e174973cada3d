"""Graphs planned, bound to memory and run: Plan, Executor, Network."""
