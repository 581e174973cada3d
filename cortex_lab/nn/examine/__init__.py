"""The record of a step, what is measured of it, and where a value that is not finite was born."""
