"""Requests that nobody wrote: malformed ones, well framed ones, and operations that fit the schema.

All take what is random from a `Random`, so that Hypothesis can shrink them and `make fuzz` can repeat them.
"""
