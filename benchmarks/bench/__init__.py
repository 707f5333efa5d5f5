"""`make bench`: the service beside its peers, all on the same data, in alternation."""
