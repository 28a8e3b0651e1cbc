"""The tables and figures of the paper, one file each.

protocol.py      what is run on each data set: pairs, lengths, few images
specs.py         one run that an experiment needs
store.py           makes runs that do not exist yet, and reads those that do
published.py     the paper's numbers
cost.py          how long an experiment takes, from measured rates

Every other file is an experiment: `specs(protocol, seeds)` says which runs it needs, and
`report(store, seeds, out)` makes rows and pictures of them.
"""
